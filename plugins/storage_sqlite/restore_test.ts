import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../core/ports/plugin.ts";
import { sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { backUp } from "./backup.ts";
import { openBeside } from "./beside.ts";
import { giveName } from "./new_file.ts";
import { finishRestore } from "./pending_restore.ts";
import { restore } from "./restore.ts";
import { openStorage } from "./storage.ts";
import { temporaryDirectory, testOptions } from "./test_storage.ts";

const AT = "2026-11-21T10:00:00.000Z";
const PENDING = "restored-20261121T100000000Z.db";
const ASIDE = "replaced-20261121T100000000Z";

describe("a backup of the embedded store", () => {
  it("is one file that needs no other, of what was committed while the store was in use", async () => {
    await using place = await temporaryDirectory();
    const store = await fill(`${place.path}/store`, { a: 3 });
    const held = await backUp({ directory: `${place.path}/store`, file: `${place.path}/copy` });
    await store.close();
    assertEquals([held.events, held.aggregates, held.lastTimestamp], [3, 1, AT]);
    assertEquals(await namesIn(place.path), ["copy", "store"]);
    using copy = new DatabaseSync(`${place.path}/copy`, { readOnly: true });
    assertEquals({ ...copy.prepare("pragma journal_mode").get() }, { journal_mode: "delete" });
  });

  it("never takes the place of another file, and needs a store to copy", async () => {
    await using place = await temporaryDirectory();
    await (await fill(`${place.path}/store`, { a: 1 })).close();
    await Deno.writeTextFile(`${place.path}/copy`, "precious");
    await refuses(
      () => backUp({ directory: `${place.path}/store`, file: `${place.path}/copy` }),
      "there is such a file already",
    );
    assertEquals(await Deno.readTextFile(`${place.path}/copy`), "precious");
    await refuses(
      () => backUp({ directory: `${place.path}/nowhere`, file: `${place.path}/other` }),
      "expected an events.db in it",
    );
    await refuses(
      () => backUp({ directory: `${place.path}/store`, file: `${place.path}/no/where` }),
      "name a file in a directory",
    );
    assertEquals(await namesIn(place.path), ["copy", "store"]);
  });

  it("never takes the place of another file, nor of a backup made at the same time", async () => {
    await using place = await temporaryDirectory();
    const directory = `${place.path}/store`;
    await (await fill(directory, { a: 1 })).close();
    const backUps = [1, 2, 3].map(() => backUp({ directory, file: `${place.path}/copy` }));
    const outcomes = await Promise.allSettled(backUps);
    assertEquals(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      assertStringIncludes(String(outcome.reason), "there is such a file already; name another one");
    }
    assertEquals(await namesIn(place.path), ["copy", "store"]);
    assertEquals((await restore(into(place.path, "new"))).held.events, 1);
  });

  it("never takes the place of another file that came while it was made", async () => {
    await using place = await temporaryDirectory();
    const [partial, copy] = [`${place.path}/copy.1.partial`, `${place.path}/copy`];
    await Deno.writeTextFile(partial, "made meanwhile");
    await Deno.writeTextFile(copy, "precious");
    await refuses(() => giveName(partial, copy, "back up to"), "there is such a file already");
    assertEquals(await Promise.all([copy, partial].map((file) => Deno.readTextFile(file))), [
      "precious",
      "made meanwhile",
    ]);
  });

  it("does not stand in the data directory, by whatever name, where it could be taken for the data", async () => {
    await using place = await temporaryDirectory();
    const directory = `${place.path}/store`;
    await (await fill(directory, { a: 1 })).close();
    await Deno.symlink("store", `${place.path}/other`);
    const before = await namesIn(directory);
    for (const name of ["store", "other"]) {
      await refuses(() => backUp({ directory, file: `${place.path}/${name}/restored-1.db` }), "name a file elsewhere");
    }
    assertEquals(await namesIn(directory), before);
  });

  for (const [what, damage] of Object.entries(storeDamages())) {
    it(`is refused where the store is damaged, by its name and in one line: ${what}`, async () => {
      await using place = await temporaryDirectory();
      const directory = `${place.path}/store`;
      await (await fill(directory, { a: 300, b: 1 })).close();
      await damage(`${directory}/events.db`);
      const backingUp = backUp({ directory, file: `${place.path}/copy` });
      const { message } = await assertRejects(() => backingUp, StartError);
      assertMatch(
        message,
        /^Cannot back up \S+store: its events\.db is damaged \(.+\); restore it from an earlier backup$/,
      );
      assertEquals(await namesIn(place.path), ["store"]);
    });
  }

  it("that is stopped leaves nothing behind", async () => {
    await using place = await temporaryDirectory();
    const directory = `${place.path}/store`;
    await (await fill(directory, { a: 1 })).close();
    const signal = AbortSignal.abort(new StartError("Stopped before the end"));
    await refuses(() => backUp({ directory, file: `${place.path}/copy`, signal }), "Stopped before the end");
    assertEquals(await namesIn(place.path), ["store"]);
  });
});

describe("a restore of the embedded store", () => {
  it("brings back events, versions and what a stream remembers, where there was nothing", async () => {
    await using place = await temporaryDirectory();
    await (await fill(`${place.path}/store`, { a: 3, b: 1 })).close();
    await backUp({ directory: `${place.path}/store`, file: `${place.path}/copy` });
    const { held, aside } = await restore(into(place.path, "new"));
    assertEquals([held.events, held.aggregates, aside], [4, 2, undefined]);
    assertEquals(await rowsOf(`${place.path}/new`), await rowsOf(`${place.path}/store`));
    assertEquals(await versionsIn(`${place.path}/new`), [3, 1]);
  });

  it("refuses over what is there, and with --force puts it aside with the log beside it", async () => {
    await using place = await temporaryDirectory();
    const store = `${place.path}/store`;
    await (await fill(store, { a: 2 })).close();
    await backUp({ directory: store, file: `${place.path}/copy` });
    await (await fill(store, { b: 1 })).close();
    await refuses(() => restore(into(place.path, "store")), "expected no data, found events.db, ");
    assertEquals(await versionsIn(store), [2, 1]);
    const { aside } = await restore({ ...into(place.path, "store"), force: true });
    assertEquals(aside, `${store}/${ASIDE}`);
    assertEquals(await versionsIn(store), [2, 0]);
    assertEquals(await versionsIn(`${store}/${ASIDE}`), [2, 1]);
    assert((await namesIn(`${store}/${ASIDE}`)).includes("views.db"), "the views of another past are out of the way");
  });

  it("refuses while another process has the directory", async () => {
    await using place = await temporaryDirectory();
    const store = await fill(`${place.path}/store`, { a: 1 });
    await backUp({ directory: `${place.path}/store`, file: `${place.path}/copy` });
    const refused = restore({ ...into(place.path, "store"), force: true });
    const { message, exitCode } = await assertRejects(() => refused, StartError);
    assertStringIncludes(message, "another process uses it");
    assertEquals(exitCode, 2);
    await store.close();
  });

  for (const [what, { damage, says }] of Object.entries(damages())) {
    it(`refuses ${what}, and touches nothing`, async () => {
      await using place = await temporaryDirectory();
      const store = `${place.path}/store`;
      await (await fill(store, { a: 300, b: 1 })).close();
      await backUp({ directory: store, file: `${place.path}/copy` });
      await damage(`${place.path}/copy`);
      const before = await namesIn(store);
      await refuses(() => restore({ ...into(place.path, "store"), force: true }), says);
      assertEquals(await namesIn(store), before);
      assertEquals(await versionsIn(store), [300, 1]);
    });
  }

  it("refuses a database that is in use, whose last commits are beside it", async () => {
    await using place = await temporaryDirectory();
    const store = await fill(`${place.path}/store`, { a: 1 });
    const file = `${place.path}/store/events.db`;
    await refuses(() => restore({ ...into(place.path, "new"), file }), "found a database with a log beside it");
    await store.close();
  });
});

describe("what is given to a restore", () => {
  it("leaves a file alone that stands in the data directory, by whatever name", async () => {
    await using place = await temporaryDirectory();
    const store = `${place.path}/store`;
    await (await fill(store, { a: 2 })).close();
    await backUp({ directory: store, file: `${place.path}/copy` });
    const staged = `${store}/restoring.db`;
    await Deno.rename(`${place.path}/copy`, staged);
    await Deno.symlink("store/restoring.db", `${place.path}/copy`);
    for (const file of [staged, `${place.path}/copy`]) {
      const advice = "move it elsewhere and restore it from there";
      await refuses(() => restore({ ...into(place.path, "store"), file, force: true }), advice);
    }
    assertEquals((await Deno.stat(staged)).isFile, true);
  });

  it("is a regular file", async () => {
    await using place = await temporaryDirectory();
    const refusals = { [place.path]: "found no regular file", [`${place.path}/none`]: "No such file" };
    for (const [file, says] of Object.entries(refusals)) {
      await refuses(() => restore({ ...into(place.path, "store"), file }), says);
    }
    assertEquals(await namesIn(place.path), []);
  });
});

describe("a restore that is killed", () => {
  const steps = ["events.db", "events.db-shm", "events.db-wal", "views.db", "views.db-shm", "views.db-wal"];
  for (const moved of [0, 1, 3, steps.length]) {
    it(`is finished by the next start, with ${moved} of ${steps.length} files put aside before`, async () => {
      await using place = await temporaryDirectory();
      const store = `${place.path}/store`;
      await (await fill(store, { a: 2 })).close();
      await backUp({ directory: store, file: `${place.path}/copy` });
      await (await fill(store, { a: 1, b: 1 })).close();
      assertEquals((await namesIn(store)).filter((name) => name !== "lock"), steps);
      await Deno.copyFile(`${place.path}/copy`, `${store}/${PENDING}`);
      if (moved > 0) await Deno.mkdir(`${store}/${ASIDE}`);
      for (const name of steps.slice(0, moved)) await Deno.rename(`${store}/${name}`, `${store}/${ASIDE}/${name}`);
      assertEquals(await versionsIn(store), [2, 0]);
      assertEquals(await versionsIn(`${store}/${ASIDE}`), [3, 1]);
      assertEquals(await finishRestore(store), undefined);
    });
  }

  it("has changed nothing as long as the copy was not whole", async () => {
    await using place = await temporaryDirectory();
    const store = `${place.path}/store`;
    await (await fill(store, { a: 2 })).close();
    await backUp({ directory: store, file: `${place.path}/copy` });
    await Deno.writeTextFile(`${store}/restoring.db`, "half");
    assertEquals(await versionsIn(store), [2, 0]);
    await restore({ ...into(place.path, "store"), force: true });
    assertEquals((await namesIn(store)).includes("restoring.db"), false);
  });

  it("keeps what it replaces from being backed up or exported", async () => {
    await using place = await temporaryDirectory();
    const store = `${place.path}/store`;
    await (await fill(store, { a: 2 })).close();
    await backUp({ directory: store, file: `${place.path}/copy` });
    await Deno.copyFile(`${place.path}/copy`, `${store}/${PENDING}`);
    await refuses(
      () => backUp({ directory: store, file: `${place.path}/other` }),
      "was interrupted: start the service to finish it",
    );
    await refuses(() => openBeside(store), "was interrupted: start the service to finish it");
  });

  it("is finished and told of by the next restore, too, which does not overwrite it unasked", async () => {
    await using place = await temporaryDirectory();
    const store = `${place.path}/store`;
    await (await fill(store, { a: 2 })).close();
    await backUp({ directory: store, file: `${place.path}/copy` });
    await Deno.copyFile(`${place.path}/copy`, `${store}/${PENDING}`);
    await refuses(() => restore(into(place.path, "store")), "that had been interrupted is finished now; add --force");
    assertEquals(await versionsIn(`${store}/${ASIDE}`), [2, 0]);
  });
});

function into(place: string, directory: string) {
  return { directory: `${place}/${directory}`, file: `${place}/copy`, force: false, at: AT };
}

async function refuses(work: () => Promise<unknown>, says: string): Promise<void> {
  assertStringIncludes((await assertRejects(work, StartError)).message, says);
}

/** A store with so many more events in these streams; the caller closes it. */
async function fill(directory: string, counts: Readonly<Record<string, number>>) {
  const storage = await openStorage(directory, testOptions());
  for (const [id, count] of Object.entries(counts)) {
    const expectedVersion = await storage.store.version(streamOf(id));
    const events = sampleEvents(count, { timestamp: AT });
    assertEquals(await storage.store.append(streamOf(id), { expectedVersion, events }), "applied");
  }
  return storage;
}

async function versionsIn(directory: string): Promise<number[]> {
  const storage = await openStorage(directory, testOptions());
  const versions = [await storage.store.version(streamOf("a")), await storage.store.version(streamOf("b"))];
  await storage.close();
  return versions;
}

function rowsOf(directory: string) {
  using db = new DatabaseSync(`${directory}/events.db`, { readOnly: true });
  return db.prepare("select * from events order by position").all().map((row) => ({ ...row }));
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}

function storeDamages() {
  return {
    "without its last pages": async (file: string) => Deno.truncate(file, (await Deno.stat(file)).size - 20_000),
    "without anything": (file: string) => Deno.truncate(file, 0),
    "pages overwritten": async (file: string) => {
      using open = await Deno.open(file, { write: true });
      for (let page = 12; page < 30; page += 1) {
        await open.seek(page * 4096, Deno.SeekMode.Start);
        await open.write(new Uint8Array(4096).fill(7));
      }
    },
    "an event missing": (file: string) => {
      using db = new DatabaseSync(file);
      db.exec("delete from events where position = 300");
      return Promise.resolve();
    },
  };
}

function damages() {
  const cut = (bytes: number) => async (file: string) => Deno.truncate(file, (await Deno.stat(file)).size - bytes);
  const change = (sql: string) => (file: string) => {
    using db = new DatabaseSync(file);
    db.exec(sql);
    return Promise.resolve();
  };
  return {
    "a file that is no database": {
      damage: (file: string) => Deno.writeTextFile(file, "id,name\n".repeat(1_000)),
      says: "file is not a database",
    },
    "an empty file": {
      damage: (file: string) => Deno.truncate(file, 0),
      says: "expected the tables of an events.db, found none",
    },
    "a file without its last pages": { damage: cut(20_000), says: "database disk image is malformed" },
    "a file without its last bytes": { damage: cut(10), says: "it is no sound backup (expected" },
    "a page of zeros": {
      damage: async (file: string) => {
        using open = await Deno.open(file, { write: true });
        await open.seek(3 * 4096, Deno.SeekMode.Start);
        await open.write(new Uint8Array(4096));
      },
      says: "it is no sound backup (",
    },
    "a database of something else": {
      damage: change("drop table schema_migrations; drop table events; create table events (id text)"),
      says: "expected the tables of an events.db, found none",
    },
    "a store of a newer deploy": {
      damage: change("insert into schema_migrations (name, sha256) values ('999_later', 'x')"),
      says: "it was changed by the newer migration 999_later",
    },
    "a store without its last event but one": {
      damage: change("delete from events where position = 300"),
      says: "expected 301 events, found 300",
    },
    "a stream with a gap": {
      damage: change(
        "delete from events where sequence_number = 5; update events set position = 5 where position = 301",
      ),
      says: "events of counter/a are missing",
    },
  };
}
