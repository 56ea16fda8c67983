/** What wrk saw of one load. */
export type Load = {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
};

/** `open` also warms up; `deposit` goes to 10,000 accounts, `one` to a single one, `order` creates with a key. */
export type Kind = "open" | "deposit" | "one" | "order";

export type LoadOptions = {
  readonly kind: Kind;
  readonly connections: number;
  readonly seconds: number;
  readonly first?: number;
  /** Sent with each request. */
  readonly token?: string | undefined;
};

export const AGGREGATES = 10_000;
const SCRIPT = "bench/load.lua";
export const CONNECTIONS = 128;

let loads = 0;

/** Loads a server with one thread of wrk; throws when any command was refused. */
export async function load(url: string, { kind, connections, seconds, first, token }: LoadOptions): Promise<Load> {
  const text = await wrk([
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--timeout=20s",
    ...(token === undefined ? [] : [`-HAuthorization: Bearer ${token}`]),
    `--script=${SCRIPT}`,
    url,
    "--",
    kind,
    String(first ?? ++loads),
  ]);
  const { requests, durationUs, refused, broken, p50Us, p99Us } = JSON.parse(/RESULT (.*)/.exec(text)?.[1] ?? "{}");
  if (requests === undefined) throw new Error(`expected a result of wrk, found:\n${text}`);
  if (broken > 0 || (refused > 0 && kind !== "open")) {
    throw new Error(`expected every ${kind} to be taken, found ${refused} refused and ${broken} broken of ${requests}`);
  }
  return { requests, perSecond: requests / durationUs * 1e6, p50Us, p99Us };
}

/** Opens the accounts that deposits go to, which also warms the server up. */
export async function openAccounts(url: string, token?: string): Promise<void> {
  for (let opened = 0; opened < AGGREGATES + CONNECTIONS;) {
    // Those under way when a load ends may be lost, so the next one begins a little earlier.
    const first = Math.max(0, opened - 2 * CONNECTIONS);
    const { requests } = await load(url, { kind: "open", connections: CONNECTIONS, seconds: 2, first, token });
    opened = first + requests;
  }
}

export async function wrkVersion(): Promise<string> {
  return /wrk (\S+)/.exec(await wrk(["--version"]))?.[1] ?? "of an unknown version";
}

async function wrk(args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await new Deno.Command("wrk", { args, stdin: "null" }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch (error) {
    // A program that is missing is none that may be run.
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error("Cannot load a server: wrk is not installed; on Debian or Ubuntu: apt-get install wrk", {
      cause: error,
    });
  }
}
