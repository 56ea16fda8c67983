import { assert, assertEquals } from "@std/assert";
import { printedSeed } from "./chance.ts";
import { type Entry, type Envelope, Journal, readHistories } from "./journal.ts";
import { type Options, startService } from "./service.ts";
import { runTask } from "./task.ts";
import { Writers } from "./writers.ts";

const ENTRIES_BEFORE = 600;
const ENTRIES_AFTER = 200;

type Histories = ReadonlyMap<string, readonly Envelope[]>;
type UnderLoad = { readonly journal: Journal; readonly args: readonly string[]; readonly of: Options };

/**
 * Runs the task beside a service and its eight writers; with it, what was acknowledged before the task began, and the
 * histories in the end.
 */
export async function runUnderLoad(
  task: "backup" | "export",
  { of, journal, args }: UnderLoad,
): Promise<{ readonly acknowledged: readonly Entry[]; readonly histories: Histories; readonly stdout: string }> {
  await using service = await startService(of);
  const writers = new Writers(journal, { seed: printedSeed(`${task} under load`), count: 8, customers: true });
  await writers.write(service, () => journal.entries.length >= ENTRIES_BEFORE);
  let until = Infinity;
  const writing = writers.write(service, () => journal.entries.length >= until);
  const acknowledged = journal.entries.filter(({ outcome }) => outcome.is === "acknowledged");
  const { code, stdout, stderr } = await runTask(task, { ...of, args });
  until = journal.entries.length + ENTRIES_AFTER;
  await writing;
  assertEquals([code, stderr], [0, ""]);
  await journal.retryUnknown(service);
  const histories = await readHistories(service, journal.paths());
  assertEquals((await service.end("SIGTERM")).code, 0);
  return { acknowledged, histories, stdout };
}

/** Of each aggregate these are the first events, and no others. */
export function assertPrefixes(histories: Histories, of: Histories): void {
  for (const [path, events] of histories) assertEquals(events, of.get(path)?.slice(0, events.length), path);
}

/** Of a part of what was stored it has all of these. */
export function assertHasAll(histories: Histories, entries: readonly Entry[]): void {
  const known = new Set([...histories.values()].flat().map(({ correlation_id }) => correlation_id));
  for (const entry of entries) assert(known.has(entry.correlationId), `lost: ${JSON.stringify(entry)}`);
}

/** The journal as it would be had nobody asked for what is not in these histories. */
export function journalOf(journal: Journal, histories: Histories): Journal {
  const ids = new Set([...histories.values()].flat().map(({ event_id }) => event_id));
  const known = new Journal();
  for (const { outcome, ...entry } of journal.entries) {
    if (outcome.is === "acknowledged" && outcome.events.some(({ event_id }) => !ids.has(event_id))) continue;
    known.intend(entry).outcome = outcome;
  }
  return known;
}
