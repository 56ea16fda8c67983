import { StartError } from "../ports/plugin.ts";

/**
 * Throws a `StartError`, which begins with what cannot be done, unless Deno may use that HOST:PORT. Asked at the start,
 * so that a permission is not missed only once it is needed.
 */
export async function requireNet(address: string, what: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "net", host: address });
  if (state === "granted") return;
  const advice = `add ${address} to --allow-net of the task that starts it`;
  throw new StartError(`Cannot ${what}: Deno may not use ${address}; ${advice}`);
}

/** What a request to that URL asks for: a permission may be for one port only, and a URL need not name its own. */
export function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? protocol === "https:" ? 443 : 80 : port}`;
}
