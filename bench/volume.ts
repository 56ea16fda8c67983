import { Child, scratchDirectory, type Service, startService, V8_FLAGS } from "../tasks/child.ts";
import { CONNECTIONS, load, openAccounts } from "./load.ts";
import { Metrics, whenCaughtUp } from "./metrics.ts";
import { residentMegabytes } from "./process.ts";

export type VolumeOptions = {
  /** Memory is read after a fifth of the commands, and after all. */
  readonly commands: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
};

/** What the replay is measured on, and its subscription. */
const PROJECTION = "account_balances_v1";

/** How memory grows with many commands, and how fast a projection takes the same many events again. */
export async function measureVolume(
  { commands, rounds, say }: VolumeOptions,
): Promise<{ readonly memory: readonly number[]; readonly replay: readonly number[] }> {
  await using directory = await scratchDirectory("bench");
  const memory = await fill(directory.path, commands, say);
  const replay: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const raw = await runLoop(directory.path);
    const ours = await replayed(directory.path, raw.events);
    say(`replay ${round}: ${Math.round(ours)} events/s, raw loop ${Math.round(raw.perSecond)}/s`);
    replay.push(ours / raw.perSecond);
  }
  return { memory: [memory], replay };
}

async function fill(directory: string, commands: number, say: (line: string) => void): Promise<number> {
  await using service = await startService(directory);
  await openAccounts(service.url);
  const early = await memoryAfter(service, commands / 5);
  const late = await memoryAfter(service, commands);
  say(`memory: ${early.toFixed(0)} MB after ${commands / 5} commands, ${late.toFixed(0)} MB after ${commands}`);
  return late - early;
}

/** Deposits until so many events were stored or a few more; the accounts are open. */
export async function untilAppended(service: Service, events: number): Promise<void> {
  for (;;) {
    const left = events - (await Metrics.of(service)).total("events_appended_total");
    if (left <= 0) return;
    await load(service.url, { kind: "deposit", connections: CONNECTIONS, seconds: left > 100_000 ? 4 : 1 });
  }
}

async function memoryAfter(service: Service, commands: number): Promise<number> {
  await untilAppended(service, commands);
  await whenCaughtUp(service);
  return await residentMegabytes(service.pid);
}

/** Events a second of one projection between its first page and its last, while no command comes. */
async function replayed(directory: string, events: number): Promise<number> {
  const file = `${directory}/views.db`;
  for (const path of [file, `${file}-wal`, `${file}-shm`]) await Deno.remove(path).catch(() => {});
  await using service = await startService(directory);
  const handled = async () => (await Metrics.of(service)).total("cdc_events_processed_total", PROJECTION);
  const before = await handled();
  const sinceMs = performance.now();
  await whenCaughtUp(service, { pollMs: 50 });
  const after = await handled();
  if (after !== events) throw new Error(`expected a replay of ${events} events, found ${after}`);
  return (after - before) / (performance.now() - sinceMs) * 1000;
}

/** The same without a service around it, by a program with the same flags. */
async function runLoop(directory: string): Promise<{ readonly events: number; readonly perSecond: number }> {
  await using loop = await Child.start({
    args: ["run", ...V8_FLAGS, "--no-prompt", "--allow-read=.", "--allow-write=data", "bench/raw_replay.ts", directory],
    ready: /replayed (\d+) events in (\d+) ms/,
  });
  await loop.exited;
  const [, events, ms] = loop.printed;
  return { events: Number(events), perSecond: Number(events) / Number(ms) * 1000 };
}
