import { Child, V8_FLAGS } from "../../tasks/child.ts";
import type { Load } from "../load.ts";
import { CONCURRENCY } from "./load.ts";

/** The program around the bare driver, as a process of its own on one keyspace. */
export type Raw = AsyncDisposable & {
  /** Announcements and conditional batches, as many at a time as the service gets commands. */
  commits(seconds: number): Promise<Load>;
  /** Stores streams of so many events that nothing announces. */
  seed(shape: { readonly streams: number; readonly events: number }): Promise<void>;
  /** Reads all events, a page at a time, and writes their documents. */
  scan(): Promise<{ readonly events: number; readonly perSecond: number }>;
  /** Reads the log of changes that stands beside the events, a page at a time. */
  readLog(): Promise<{ readonly rows: number; readonly perSecond: number }>;
};

/** Started with the engine's settings of the service. */
export async function startRaw(address: string, keyspace: string): Promise<Raw> {
  const flags = [...V8_FLAGS, "--no-prompt", "--allow-net", "--allow-env", "--allow-read=."];
  const child = await Child.start({
    args: ["run", ...flags, "bench/cluster/raw_driver.ts", address, keyspace],
    ready: /raw (http:\S+) ready/,
  });
  const ask = async (path: string, numbers: Readonly<Record<string, number>> = {}) => {
    const query = new URLSearchParams(Object.entries(numbers).map(([name, number]) => [name, String(number)]));
    const answer = await fetch(`${child.printed[1]}${path}?${query}`);
    if (!answer.ok) throw new Error(`expected the raw driver to do ${path}, found ${await answer.text()}`);
    return await answer.json();
  };
  return {
    commits: (seconds) => ask("/commits", { concurrency: CONCURRENCY, seconds }),
    seed: (shape) => ask("/seed", shape),
    scan: () => ask("/scan"),
    readLog: () => ask("/log"),
    [Symbol.asyncDispose]: () => child.end(),
  };
}
