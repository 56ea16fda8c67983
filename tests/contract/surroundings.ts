import { Supervisor } from "../../core/engine/supervisor.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log, Telemetry } from "../../core/ports/telemetry.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";

/** For what waits in real time, beside a real server. */
export const realRuntime = systemRuntime;

export type LogLine = { readonly level: keyof Log; readonly message: string; readonly fields: unknown };

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const keep = (level: keyof Log) => (message: string, fields?: unknown) => void lines.push({ level, message, fields });
  return { lines, debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}

/** Counts nothing. */
export const UNCOUNTED: Telemetry = {
  counter: () => ({ at: () => ({ add() {} }) }),
  histogram: () => ({ at: () => ({ observe() {} }) }),
  gauge() {},
};

/** A tree for what runs in a test. */
export function openBranch({ runtime, log }: { readonly runtime: Runtime; readonly log: Log }): Supervisor {
  return new Supervisor("test", { runtime, log, telemetry: UNCOUNTED });
}

const LOOK_MS = 20;
const PATIENCE_MS = 60_000;

/** Resolves once it holds, for what tells nobody when it does; rejects after `withinMs`, a minute if left out. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = PATIENCE_MS): Promise<void> {
  const began = performance.now();
  while (!await holds()) {
    if (performance.now() - began > withinMs) throw new Error(`expected ${holds} within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The work's outcome; rejects when it takes longer. */
export async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`expected ${what} within ${ms} ms, found it still going on`)),
    ms,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a page of metrics shows of one name: the sum over all its labels that match. */
export function sumOf(
  page: string,
  { name, labels = {} }: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return page.split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
