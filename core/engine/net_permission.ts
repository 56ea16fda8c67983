import { StartError } from "../ports/plugin.ts";

/**
 * Throws a `StartError`, which begins with what cannot be done, unless Deno may use that HOST:PORT. Asked at the start,
 * so that a permission is not missed only once it is needed. `orElse` is another way than to add it to a task.
 */
export async function requireNet(address: string, what: string, orElse?: string): Promise<void> {
  if (await stateOf(address, what) === "granted") return;
  const advice = `add ${address} to --allow-net of the task that starts it`;
  const ways = orElse === undefined ? advice : `${orElse}, or ${advice}`;
  throw new StartError(`Cannot ${what}: Deno may not use ${address}; ${ways}`);
}

async function stateOf(host: string, what: string): Promise<Deno.PermissionState> {
  try {
    return (await Deno.permissions.query({ name: "net", host })).state;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new StartError(`Cannot ${what}: expected HOST:PORT, found ${host}, with an ${error.message}`);
  }
}

/** Throws a `StartError` where one of the servers that a variable names is none that Deno may use. */
export async function requireServers(variable: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    await requireNet(address, `use ${variable}`, "start with deno task start:cluster");
  }
}

/** What a request to that URL asks for: a permission may be for one port only, and a URL need not name its own. */
export function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? protocol === "https:" ? 443 : 80 : port}`;
}
