/** A process of its own for tests: holds a data directory, or fills a disk that it limits itself. */
import { Unavailable } from "../../core/ports/event_store.ts";
import { openStorage, type Storage } from "./storage.ts";
import { keptLog } from "./test_storage.ts";

const STREAM = { aggregateType: "counter", aggregateId: "a" };

const [mode, directory = ""] = Deno.args;
const storage = await openStorage(directory, { log: keptLog() });
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
  let version = 1;
  let refusal: unknown;
  while (refusal === undefined && version < 1_000) {
    // Neighbours of one group, so that a group that fails is seen to fail as a whole.
    const outcomes = await Promise.allSettled([append(storage, version), append(storage, version + 1)]);
    refusal = outcomes.find((outcome) => outcome.status === "rejected")?.reason;
    if (refusal === undefined) version += 2;
  }
  const refused = await append(storage, version).catch((error) => error);
  const full = { version: await storage.store.version(STREAM), acknowledged: version, health: storage.health() };
  await limitFileSize("unlimited");
  const recovered = await append(storage, version);
  return { ...full, ...described(refusal), refusedAgain: described(refused), recovered, after: storage.health() };
}

async function meetReadOnlyDisk(storage: Storage) {
  const versionBefore = await storage.store.version(STREAM);
  const refused = await append(storage, versionBefore).catch((error) => error);
  const whileReadOnly = { versionBefore, backlog: await storage.source.backlog(null), refused: described(refused) };
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
