/** A process of its own for tests: holds a data directory, or fills a disk that it limits itself. */
import { Unavailable } from "../../core/ports/event_store.ts";
import { openStorage, type Storage } from "./storage.ts";
import { testOptions } from "./test_storage.ts";

const STREAM = { aggregateType: "counter", aggregateId: "a" };

const [mode, directory = ""] = Deno.args;
const storage = await openStorage(directory, testOptions());
if (mode === "hold") {
  await append(storage, 0);
  console.log("held");
  await Deno.stdin.read(new Uint8Array(1));
} else {
  console.log(JSON.stringify(mode === "fill" ? await fillTheDisk(storage) : await meetReadOnlyDisk(storage)));
}
// Nothing ends the process but that nothing is left running.
await storage.close();

async function fillTheDisk(storage: Storage) {
  await append(storage, 0);
  await limitFileSize("400000");
  // Two of one group, so that a group that fails is seen to fail as a whole; then what an append alone can still fill.
  const pairs = await fillUp(storage, { acknowledged: 1, together: 2 });
  const singles = await fillUp(storage, { acknowledged: pairs.acknowledged, together: 1 });
  const { acknowledged } = singles;
  const full = { pairs, singles, version: await storage.store.version(STREAM), health: storage.health() };
  await limitFileSize("unlimited");
  return { ...full, recovered: await append(storage, acknowledged), after: storage.health() };
}

async function fillUp(storage: Storage, { acknowledged, together }: { acknowledged: number; together: number }) {
  for (let version = acknowledged; version < 1_000; version += together) {
    const appends = Array.from({ length: together }, (_, at) => append(storage, version + at));
    const outcomes = await Promise.allSettled(appends);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    if (refused.length === 0) continue;
    return { acknowledged: version, refused: refused.map(({ reason }) => described(reason)) };
  }
  throw new Error("expected the disk to fill up, found room for 1,000 events; lower the limit");
}

async function meetReadOnlyDisk(storage: Storage) {
  const versionBefore = await storage.store.version(STREAM);
  const refused = await append(storage, versionBefore).catch((error) => error);
  const whileReadOnly = { versionBefore, backlog: await storage.log.backlog(null), refused: described(refused) };
  await new Deno.Command("mount", { args: ["-o", "remount,bind,rw", directory] }).output();
  const recovered = await append(storage, versionBefore);
  return { ...whileReadOnly, recovered, version: await storage.store.version(STREAM) };
}

function append({ store }: Storage, expectedVersion: number) {
  const event = {
    eventId: `event ${expectedVersion + 1}`,
    eventType: "Counted",
    eventVersion: 1,
    data: { text: "x".repeat(3_000) },
    timestamp: "2026-11-21T10:00:00.000Z",
    commandId: null,
    commandHash: null,
    causationId: null,
    correlationId: null,
    userId: null,
    metadata: null,
  };
  return store.append(STREAM, { expectedVersion, events: [event] });
}

async function limitFileSize(bytes: string): Promise<void> {
  const args = ["--pid", String(Deno.pid), `--fsize=${bytes}:unlimited`];
  const { success, stderr } = await new Deno.Command("prlimit", { args }).output();
  if (!success) throw new Error(`expected prlimit to set a limit, found: ${new TextDecoder().decode(stderr)}`);
}

function described(error: unknown) {
  return { isUnavailable: error instanceof Unavailable, message: String(error) };
}
