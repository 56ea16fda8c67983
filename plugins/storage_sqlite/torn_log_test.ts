import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { sampleEvent, streamOf } from "../../tests/contract/samples.ts";
import { type EventRow, toRow } from "./event_rows.ts";
import { EventsFile } from "./events_file.ts";
import { EventsReader } from "./events_reader.ts";
import { temporaryDirectory } from "./test_storage.ts";

const GROUPS = 25;
const LOG_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;
const RANDOM_CUTS = 40;

/** What was committed when the log had this many bytes. */
type Commit = { readonly logBytes: number; readonly events: number };

describe("a log torn by a crash", () => {
  it("opens with the commits that are whole in it, cut at every frame and at random bytes", async () => {
    await using directory = await temporaryDirectory();
    const { database, log, commits, ids } = await writeGroups(directory.path);
    const frames = Math.floor((log.length - LOG_HEADER_BYTES) / FRAME_BYTES);
    assert(frames > GROUPS, `expected more frames than groups, found ${frames}`);
    const cuts = Array.from({ length: frames + 1 }, (_, frame) => LOG_HEADER_BYTES + frame * FRAME_BYTES);
    cuts.push(0, 1, ...fc.sample(fc.integer({ min: 0, max: log.length }), RANDOM_CUTS));
    for (const cut of cuts) {
      const whole = commits.findLast(({ logBytes }) => logBytes <= cut)?.events ?? 0;
      assertEquals(await recovered(directory.path, { database, log: log.subarray(0, cut) }), ids.slice(0, whole));
    }
  });

  it("opens with a prefix of the commits, or refuses, where its bytes are damaged", async () => {
    await using directory = await temporaryDirectory();
    const { database, log, commits, ids } = await writeGroups(directory.path);
    const whole = new Set([0, ...commits.map(({ events }) => events)]);
    for (const at of fc.sample(fc.integer({ min: 0, max: log.length - 1 }), RANDOM_CUTS)) {
      const damaged = log.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      const found = await recovered(directory.path, { database, log: damaged }).catch(() => undefined);
      if (found === undefined) continue;
      assert(whole.has(found.length), `expected whole commits, found ${found.length} events`);
      assertEquals(found, ids.slice(0, found.length));
    }
  });
});

/** Commits groups of several appends of several events, and takes the files as a crash would leave them. */
async function writeGroups(directory: string) {
  const path = `${directory}/events.db`;
  const file = new EventsFile(path);
  const ids: string[] = [];
  const commits: Commit[] = [];
  for (let group = 0; group < GROUPS; group++) {
    const appends = Array.from({ length: 1 + group % 3 }, (_, at) => rowsOf(`stream-${group}-${at}`, 1 + group % 4));
    const reply = file.write({ appends, snapshots: [], moves: [] });
    assert("outcomes" in reply);
    ids.push(...appends.flat().map((row) => row[3]));
    commits.push({ logBytes: (await Deno.stat(`${path}-wal`)).size, events: ids.length });
  }
  const files = { database: await Deno.readFile(path), log: await Deno.readFile(`${path}-wal`), commits, ids };
  file.close();
  return files;
}

function rowsOf(id: string, count: number): EventRow[] {
  const data = { text: id.repeat(100 * count) };
  return Array.from({ length: count }, (_, at) => toRow(streamOf(id), at + 1, sampleEvent({ data })));
}

/** The ids of the events found, in order, and whether the store can go on from there. */
async function recovered(directory: string, files: { database: Uint8Array; log: Uint8Array }): Promise<string[]> {
  const path = `${directory}/copy.db`;
  await Deno.writeFile(path, files.database);
  await Deno.writeFile(`${path}-wal`, files.log);
  try {
    const file = new EventsFile(path);
    try {
      const events = readAll(path, file.head());
      assert("outcomes" in file.write({ appends: [rowsOf("afterwards", 2)], snapshots: [], moves: [] }));
      assertEquals(readAll(path, file.head()).length, events.length + 2);
      return events;
    } finally {
      file.close();
    }
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) await Deno.remove(`${path}${suffix}`).catch(() => {});
  }
}

function readAll(path: string, head: number): string[] {
  const reader = new EventsReader(path);
  const bounds = { head, eventTypes: new Set(["Counted"]), maxEvents: 10_000, maxBytes: 100_000_000 };
  const { events } = reader.page(0, bounds);
  reader.close();
  for (const { aggregateId, data } of events) {
    assert(String(data.text).startsWith(aggregateId) && String(data.text).length >= 100 * aggregateId.length);
  }
  return events.map(({ eventId }) => eventId);
}
