/**
 * Below the range of which systems take the ports of outgoing connections: a client that tries again and again to reach
 * a server that is down could else be given the server's own port, connect to itself, and keep the server from it.
 */
const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS = 100;

/** So many different ports of `host` that nobody listens on now. */
export function freePorts(host: string, count: number): number[] {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS && ports.size < count; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (isFree(host, port)) ports.add(port);
  }
  if (ports.size === count) return [...ports];
  throw new Error(`expected ${count} free ports of ${host} in ${FIRST} to ${FIRST + COUNT - 1}, found ${ports.size}`);
}

export function isFree(host: string, port: number): boolean {
  try {
    Deno.listen({ hostname: host, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
