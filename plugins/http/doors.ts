import { aborted } from "../../core/engine/aborted.ts";
import { requireNet } from "../../core/engine/net_permission.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Traffic } from "./traffic.ts";

export type Door = { readonly url: string; readonly stop: (signal: AbortSignal) => Promise<void> };

export type Listening = {
  /** What the tree calls it. */
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  /** The variables that chose them, for whoever has to change one. */
  readonly variables: { readonly hostname: string; readonly port: string };
  readonly fetch: (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;
  readonly runtime: Runtime;
  readonly traffic: Traffic;
  readonly branch: Branch;
  /** `Deno.serve` when left out. */
  readonly serve?: typeof Deno.serve;
};

/** Longer than any one request may take: its body's time and its command's together, or the longest `Prefer: wait`. */
const HANGS_AFTER_MS = 90_000;

/**
 * Listens until stopped, again on the same port should the server end before. Requests that are under way while none is
 * answered are shown as a hang, which mends nothing: nobody else could answer them, and whoever comes is still let in.
 * When it is stopped, what was accepted is answered first, or given up when the stop's signal aborts.
 */
export async function openDoor(listening: Listening): Promise<Door> {
  const { name, hostname, runtime, traffic, branch } = listening;
  const address = `${bracketed(hostname)}:${listening.port}`;
  await requireNet(address, `listen on ${address}`);
  let server = listen(listening);
  const { port } = server.addr;
  const stopping = new AbortController();
  let hasEnded = false;
  const run = async ({ signal, beat, rest }: Life) => {
    if (hasEnded) server = listen({ ...listening, port });
    hasEnded = false;
    traffic.show({ beat, rest });
    const finished = server.finished.finally(() => hasEnded = true);
    await Promise.race([finished, aborted(signal)]);
  };
  branch.start({ name, run, until: stopping.signal, hangsAfterMs: HANGS_AFTER_MS });
  return {
    url: urlOf(server.addr),
    async stop(signal) {
      stopping.abort();
      const done = new AbortController();
      const { signal: settled } = done;
      signal.addEventListener("abort", () => done.abort(), { once: true, signal: settled });
      if (signal.aborted) done.abort();
      // A shutdown waits, for ever, for a client that does not end its request; nothing can hurry it once begun.
      await Promise.race([server.shutdown(), traffic.whenAnswered(runtime, settled), aborted(settled)]);
      done.abort();
      server.unref();
    },
  };
}

function listen({ hostname, port, variables, fetch, serve = Deno.serve }: Listening) {
  try {
    return serve({ hostname, port, onListen: () => {} }, fetch);
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new StartError(
        `Cannot listen on ${hostname}:${port}: the port is in use; set ${variables.port} to a free one`,
        { cause },
      );
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    const { hostname: host, port: number } = variables;
    throw new StartError(`Cannot listen on ${hostname}:${port}: ${why}; check ${host} and ${number}`, { cause });
  }
}

function urlOf({ hostname, port }: Deno.NetAddr): string {
  const reachable = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  return `http://${bracketed(reachable)}:${port}`;
}

function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
