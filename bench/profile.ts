import { parseArgs } from "node:util";
import { scratchDirectory, startService } from "../tasks/child.ts";
import { stagesOf, type Window } from "./cpu_profile.ts";
import { CONNECTIONS, type Kind, load, openAccounts } from "./load.ts";
import { table } from "./report.ts";

/** Shows where a command's microseconds go: by stage, on each thread, from V8's own samples of the clock. */
const { values } = parseArgs({
  options: { orders: { type: "boolean", default: false }, seconds: { type: "string", default: "5" } },
});
const kind: Kind = values.orders ? "order" : "deposit";
await using directory = await scratchDirectory("profile");
const profiles = `${directory.path}/profiles`;
const { requests, perSecond, window } = await loadProfiled();
const threads = await Promise.all((await profilePaths()).map((path) => stagesOf(path, window)));
console.log(`${requests} of ${kind}, ${Math.round(perSecond)}/s while profiled; µs a command:\n`);
console.log(print(threads));

async function loadProfiled() {
  const shape = { kind, connections: CONNECTIONS };
  const service = await startService(directory.path, {
    flags: ["--cpu-prof", `--cpu-prof-dir=${profiles}`],
    // Its thread would be one of those shown.
    environment: { WATCHDOG_SECONDS: "0" },
  });
  try {
    await openAccounts(service.url);
    await load(service.url, { ...shape, seconds: 2 });
    const sinceMs = performance.now();
    const { requests, perSecond } = await load(service.url, { ...shape, seconds: Number(values.seconds) });
    const endMs = performance.now();
    await service.end();
    const window: Window = { beforeEndMs: performance.now() - sinceMs, ms: endMs - sinceMs };
    return { requests, perSecond, window };
  } finally {
    await service.end();
  }
}

/** The main thread's first, then the Workers' in the order of their start: events, views. */
async function profilePaths(): Promise<readonly string[]> {
  const names = (await Array.fromAsync(Deno.readDir(profiles))).map(({ name }) => name);
  const place = (name: string) => Number(/worker-(\d+)/.exec(name)?.[1] ?? 0);
  return names.sort((a, b) => place(a) - place(b)).map((name) => `${profiles}/${name}`);
}

function print(threads: readonly ReadonlyMap<string, number>[]): string {
  const stages = new Set(threads.flatMap((spent) => [...spent.keys()]));
  const us = (spent: ReadonlyMap<string, number>, stage: string) => (spent.get(stage) ?? 0) / requests;
  const sum = (stage: string) => threads.reduce((total, spent) => total + us(spent, stage), 0);
  const rows = [...stages].sort((a, b) => sum(b) - sum(a)).filter((stage) => sum(stage) >= 0.05)
    .map((stage) => [stage, ...threads.map((spent) => us(spent, stage).toFixed(1))]);
  const totals = threads.map((spent) => [...stages].reduce((total, stage) => total + us(spent, stage), 0).toFixed(1));
  return table([["Stage", "main", "events.db", "views.db"], ...rows, ["all", ...totals]]);
}
