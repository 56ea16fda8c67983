// Starts one server, loads it with wrk, reads its processor time by thread, checks what it stored.
import { required } from "./required.ts";
import { here, withServer } from "./server_process.ts";
import type { Shape } from "./shape.ts";

export interface Measured {
  rate: number;
  /** Microseconds of processor time per command: the process, and by kind of thread. */
  cpu: number;
  threads: Record<string, number>;
  p50: number;
  p99: number;
  group: number;
  startup: number;
  note: string;
}

interface Stats {
  groups: number;
  appends: number;
  conflicts: number;
  pending: number;
  documents: number;
}

interface Load {
  requests: number;
  micros: number;
  errors: number;
  p50: number;
  p99: number;
}

/** Of one load. */
export type Wanted = { readonly seconds: number; readonly connections: number };

type Ticks = Map<string, { name: string; ticks: number }>;

const TICK = 10_000; // microseconds in a clock tick of /proc

export function measure(shape: Shape, wanted: Wanted, interrupted: AbortSignal): Promise<Measured> {
  return withServer(shape, interrupted, async ({ url, pid, startup }) => {
    if (shape.kind === "log") await refusesConflicts(url);
    await wrk(shape, url, { ...wanted, seconds: 2 }, interrupted);
    const ticksBefore = await ticks(pid), before = await get<Stats>(`${url}/stats`);
    const load = await wrk(shape, url, wanted, interrupted);
    const atEnd = await get<Stats>(`${url}/stats`), after = await settled(url, atEnd);
    const { all = 0, ...threads } = spent(ticksBefore, await ticks(pid), load.requests);
    const group = (after.appends - before.appends) / (after.groups - before.groups) || 0;
    let note = `p99 ${(load.p99 / 1000).toFixed(1)} ms`;
    if (load.errors) note += ` ERRORS ${load.errors}`;
    if (shape.kind === "log") {
      await holdsWhatItAcknowledged(shape, url, after);
      const documents = after.documents - before.documents;
      note += `, ${group.toFixed(1)} a group, ${documents} documents, ${atEnd.pending} pending at the end`;
    }
    const rate = load.requests / load.micros * 1e6;
    return { rate, cpu: all, threads, p50: load.p50, p99: load.p99, group, startup, note };
  });
}

async function get<T>(url: string): Promise<T> {
  return await (await fetch(url)).json();
}

async function wrk(
  shape: Shape,
  url: string,
  { seconds, connections }: Wanted,
  signal: AbortSignal,
): Promise<Load> {
  const path = shape.kind === "echo" ? "/echo/acc-" : "/accounts/acc-";
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", `${here}load.lua`, url, "--", path];
  const text = await output("wrk", args, signal);
  return JSON.parse(required(/RESULT (.*)/.exec(text)?.[1], "the result of wrk"));
}

/** Waits until every append is answered and every document written. */
async function settled(url: string, stats: Stats): Promise<Stats> {
  for (let appends = -1; stats.pending > 0 || stats.appends !== appends;) {
    appends = stats.appends;
    await new Promise((resolve) => setTimeout(resolve, 50));
    stats = await get<Stats>(`${url}/stats`);
  }
  return stats;
}

async function holdsWhatItAcknowledged(shape: Shape, url: string, stats: Stats): Promise<void> {
  const check = await get<{ balance: number; events: number; total?: number }>(`${url}/check`);
  if (check.events !== stats.appends - stats.conflicts) throw new Error(`${shape.name}: events lost`);
  if (shape.views !== "none" && check.total !== check.balance) throw new Error(`${shape.name}: view differs`);
}

/** A stale and a future expected version must both be refused, and a right one taken. */
async function refusesConflicts(url: string): Promise<void> {
  const statuses: number[] = [];
  for (const version of [0, 99, 1, 1]) {
    const answer = await fetch(`${url}/accounts/acc-0`, {
      method: "POST",
      headers: { "content-type": "application/json", "if-match": `"${version}"` },
      body: `{"type":"Deposit","amount":5}`,
    });
    statuses.push(answer.status);
    await answer.body?.cancel();
  }
  if (statuses.join() !== "409,409,200,409") throw new Error(`conflicts were answered ${statuses}`);
}

/** Microseconds a request, by name of thread. */
function spent(before: Ticks, after: Ticks, requests: number): Record<string, number> {
  const threads: Record<string, number> = {};
  for (const [id, { name, ticks }] of after) {
    const micros = (ticks - (before.get(id)?.ticks ?? 0)) * TICK / requests;
    threads[name] = (threads[name] ?? 0) + micros;
  }
  return threads;
}

/** Ticks of user and system time by thread id, with the thread's name. */
async function ticks(pid: number): Promise<Ticks> {
  const ids = (await output("ls", [`/proc/${pid}/task`])).trim().split("\n");
  const lines = (await output("cat", ids.map((id) => `/proc/${pid}/task/${id}/stat`))).trim().split("\n");
  const all = await output("cat", [`/proc/${pid}/stat`]);
  const found: Ticks = new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), parseStat(line)]));
  found.set("all", { ...parseStat(all), name: "all" });
  const main = found.get(String(pid));
  if (main) main.name = "main";
  return found;
}

function parseStat(line: string): { name: string; ticks: number } {
  const close = line.lastIndexOf(")");
  const fields = line.slice(close + 2).split(" ");
  return { name: line.slice(line.indexOf("(") + 1, close), ticks: Number(fields[11]) + Number(fields[12]) };
}

async function output(command: string, args: string[], signal?: AbortSignal): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, stderr: "null", ...signal && { signal } }).output();
  return new TextDecoder().decode(stdout);
}
