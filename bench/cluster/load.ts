import type { Load } from "../load.ts";
import { Metrics } from "../metrics.ts";
import { type Shown, whenShown } from "./copy.ts";

const SCRIPT = "bench/cluster/accounts.lua";

/** How many wait for an answer at a time, of the service as of the raw driver. */
export const CONCURRENCY = 64;

/** Opens accounts with one thread of wrk; throws when any was refused. */
async function loadAccounts(url: string, seconds: number): Promise<Load> {
  const run = `acc-${crypto.randomUUID().slice(0, 8)}`;
  const flags = ["-t1", `-c${CONCURRENCY}`, `-d${seconds}s`, "--timeout=20s", `--script=${SCRIPT}`];
  const { stdout, stderr } = await new Deno.Command("wrk", { args: [...flags, url, "--", run], stdin: "null" })
    .output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const { requests, durationUs, refused, broken, p50Us, p99Us } = JSON.parse(/RESULT (.*)/.exec(text)?.[1] ?? "{}");
  if (requests === undefined) throw new Error(`expected a result of wrk, found:\n${text}`);
  if (requests === 0) {
    throw new Error(`expected accounts to be opened in ${seconds} s, found none: wait until this machine is less busy`);
  }
  if (broken + refused > 0) {
    throw new Error(
      `expected every account to be opened, found ${refused} refused and ${broken} broken of ${requests}`,
    );
  }
  return { requests, perSecond: requests / durationUs * 1e6, p50Us, p99Us };
}

export type Loaded = Load & { readonly caughtUpMs: number };

/** Loads a copy fully and waits until all of it is shown: what is measured next has the machine for itself. */
export async function loadCopy(shown: Shown, seconds: number): Promise<Loaded> {
  const appended = async () => (await Metrics.of(shown.appendedBy)).total("events_appended_total");
  const before = await appended();
  const load = await loadAccounts(shown.appendedBy.url, seconds);
  const { afterMs: caughtUpMs } = await whenShown(shown);
  const stored = await appended() - before;
  // One may be on its way on each connection when a load ends.
  if (stored < load.requests || stored > load.requests + 2 * CONCURRENCY) {
    throw new Error(`expected an event for each of ${load.requests} commands, found ${stored}`);
  }
  return { ...load, caughtUpMs };
}
