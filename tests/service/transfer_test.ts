import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { sampleEvents, streamOf } from "../contract/samples.ts";
import { exported } from "../contract/transfer.ts";
import { chanceOf, printedSeed } from "./chance.ts";
import { Journal, readHistories } from "./journal.ts";
import { momentOrEnd } from "./program.ts";
import { assertAllTrue } from "./replay.ts";
import { startService, temporaryDirectory } from "./service.ts";
import { aggregatesIn, runTask, startTask, succeeds } from "./task.ts";
import { assertKnowsKeys } from "./known_keys.ts";
import { assertHasAll, assertPrefixes, journalOf, runUnderLoad } from "./under_load.ts";

const LARGE = { streams: 1_500, events: 7 };

describe("deno task export and deno task import", () => {
  it("carry a prefix of each aggregate, taken under load, into another store with views and keys", async () => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/all.jsonl`;
    const journal = new Journal();
    const of = { directory: directory.path };
    const { acknowledged, histories: all } = await runUnderLoad("export", { of, journal, args: [file] });
    const other = `${directory.path}/other`;
    const stdout = await succeeds("import", { directory: other, args: [file] });
    const [, events = ""] = /^The store has the (\d+) events of /m.exec(stdout) ?? [];
    assert(acknowledged.length <= Number(events), stdout);
    assertStringIncludes(stdout, `${file}, ${events} of them new.`);
    assertEquals(stdout.includes("No module here"), false);
    await using service = await startService({ directory: other });
    const histories = await readHistories(service, journal.paths());
    assertHasAll(histories, acknowledged);
    assertPrefixes(histories, all);
    await assertKnowsKeys(service, acknowledged);
    await assertAllTrue(service, journalOf(journal, histories));
  });

  it("go on with an export that was broken off, to the same file", async () => {
    await using directory = await temporaryDirectory();
    const file = await fillAndExport(directory.path);
    const whole = await Deno.readTextFile(file);
    await Deno.remove(file);
    await Deno.writeTextFile(`${file}.partial`, whole.slice(0, whole.length / 2));
    const stdout = await succeeds("export", { directory: directory.path, args: [file] });
    assert(/^Going on behind [1-9]\d* events of \d+ aggregates$/m.test(stdout), stdout);
    assertEquals(await Deno.readTextFile(file) === whole, true);
    const again = await runTask("export", { directory: directory.path, args: [file] });
    const refusal = `annals: Cannot export to ${file}: there is such a file already; name another one\n`;
    assertEquals([again.code, again.stderr], [1, refusal]);
  });

  it("leave a file alone that no export has begun, also where a link points to it", async () => {
    await using directory = await temporaryDirectory();
    await succeeds("import", { directory: directory.path, args: [await emptyExport(directory.path)] });
    const [notes, file] = [`${directory.path}/notes`, `${directory.path}/other.jsonl`];
    for (const text of ["precious notes", ""]) {
      await Deno.writeTextFile(notes, text);
      if (text === "") await Deno.symlink("notes", `${file}.partial`);
      else await Deno.copyFile(notes, `${file}.partial`);
      const { code, stderr } = await runTask("export", { directory: directory.path, args: [file] });
      assertEquals(code, 1);
      assertStringIncludes(stderr, `annals: Cannot write to ${file}.partial: expected `);
      assertEquals(await Deno.readTextFile(`${file}.partial`), text);
      await Deno.remove(`${file}.partial`);
    }
    const amongData = `${directory.path}/store/restored-1.db`;
    const { stderr } = await runTask("export", { directory: directory.path, args: [amongData] });
    assertStringIncludes(stderr, "store is the data directory; name a file elsewhere\n");
  });

  it("keep what fits on a disk that is full, and go on when there is room", async () => {
    await using directory = await temporaryDirectory();
    const whole = await fillAndExport(directory.path);
    const file = `${directory.path}/again.jsonl`;
    const most = Math.floor((await Deno.stat(whole)).size * 0.9);
    const prelude = `trap '' XFSZ; prlimit --pid $$ --fsize=${most}:${most}`;
    const full = await runTask("export", { directory: directory.path, args: [file], prelude });
    assertEquals(full.code, 1);
    assertStringIncludes(full.stderr, `annals: Cannot write to ${file}.partial: `);
    assertStringIncludes(full.stderr, "see that the disk has room and can be written, and export again to go on\n");
    const told = await succeeds("export", { directory: directory.path, args: [file] });
    assertStringIncludes(told, "Going on behind ");
    assertEquals(await aggregatesIn(file), await aggregatesIn(whole));
  });

  it("refuse an import beside a service, of a file cut off, and of none, and import nothing", async () => {
    await using directory = await temporaryDirectory();
    const file = await fillAndExport(directory.path);
    const other = `${directory.path}/other`;
    const none = await runTask("import", { directory: other, args: [`${directory.path}/none`] });
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr, "name a file that deno task export has made");
    await Deno.truncate(file, (await Deno.stat(file)).size - 1);
    const cut = await runTask("import", { directory: other, args: [file] });
    assertEquals(cut.code, 1);
    assert(/^annals: Cannot import \S+: line \d+ ends in the middle, .*; nothing was imported$/m.test(cut.stderr));
    const left = await succeeds("export", { directory: other, args: [`${other}/left.jsonl`] });
    assertStringIncludes(left, "has 0 events of 0 aggregates");
    await using _service = await startService({ directory: other });
    const beside = await runTask("import", { directory: other, args: [file] });
    assertEquals(beside.code, 2);
    assertStringIncludes(beside.stderr, "another process uses it; stop the service first\n");
  });

  it("go on with an import that was killed at any moment", async () => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/large.jsonl`;
    await Deno.writeTextFile(file, await largeExport());
    const chance = chanceOf(printedSeed("transfer_test"));
    const total = LARGE.streams * LARGE.events;
    for (let round = 0; round < 4; round += 1) {
      // Killed at the end of its block.
      await using program = startTask("import", { directory: directory.path, args: [file] });
      await momentOrEnd(chance.between(200, 1_500), program.exited);
    }
    const stdout = await succeeds("import", { directory: directory.path, args: [file] });
    assertStringIncludes(stdout, `The store has the ${total} events of ${LARGE.streams} aggregates of ${file}, `);
    assertStringIncludes(
      stdout,
      "No module here is called counter: its events are kept, and served once there is one.",
    );
    const back = `${directory.path}/back.jsonl`;
    await succeeds("export", { directory: directory.path, args: [back] });
    assertEquals(await aggregatesIn(back), await aggregatesIn(file));
  });
});

async function emptyExport(directory: string): Promise<string> {
  const file = `${directory}/empty.jsonl`;
  await Deno.writeTextFile(file, await exported(createMemoryStorage()));
  return file;
}

/** A store with what a large export has, and the export that it gives. */
async function fillAndExport(directory: string): Promise<string> {
  const [given, file] = [`${directory}/given.jsonl`, `${directory}/all.jsonl`];
  await Deno.writeTextFile(given, await largeExport());
  for (const [name, path] of [["import", given], ["export", file]] as const) {
    await succeeds(name, { directory, args: [path] });
  }
  return file;
}

async function largeExport(): Promise<string> {
  const storage = createMemoryStorage();
  for (let at = 0; at < LARGE.streams; at += 1) {
    await storage.store.append(streamOf(`c-${at}`), { expectedVersion: 0, events: sampleEvents(LARGE.events) });
  }
  return await exported(storage);
}
