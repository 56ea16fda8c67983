import type { Load } from "../load.ts";

const SCRIPT = "bench/cluster/accounts.lua";

/** How many wait for an answer at a time, of the service as of the raw driver. */
export const CONCURRENCY = 64;

/** Opens accounts with one thread of wrk; throws when any was refused. */
export async function loadAccounts(url: string, seconds: number): Promise<Load> {
  const run = `acc-${crypto.randomUUID().slice(0, 8)}`;
  const flags = ["-t1", `-c${CONCURRENCY}`, `-d${seconds}s`, "--timeout=20s", `--script=${SCRIPT}`];
  const { stdout, stderr } = await new Deno.Command("wrk", { args: [...flags, url, "--", run], stdin: "null" })
    .output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const { requests, durationUs, refused, broken, p50Us, p99Us } = JSON.parse(/RESULT (.*)/.exec(text)?.[1] ?? "{}");
  if (requests === undefined) throw new Error(`expected a result of wrk, found:\n${text}`);
  if (broken + refused > 0) {
    throw new Error(
      `expected every account to be opened, found ${refused} refused and ${broken} broken of ${requests}`,
    );
  }
  return { requests, perSecond: requests / durationUs * 1e6, p50Us, p99Us };
}
