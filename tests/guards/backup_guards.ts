import type { Guard } from "./guards.ts";

const RESTORE = "plugins/storage_sqlite/restore_test.ts";
const BACKUP = "tests/service/backup_test.ts";
const EXPORT = "tests/engine/export_test.ts";
const MEMORY = "plugins/storage_memory/storage_memory_test.ts";

/** What keeps the promises of backups and of exports. */
export const backupGuards: readonly Guard[] = [
  {
    promise: "a backup never takes the place of another file",
    file: "plugins/storage_sqlite/backup.ts",
    find: "if (await isThere(file)) {",
    replace: "if (await isThere(`${file}/`)) {",
    test: RESTORE,
  },
  {
    promise: "a backup is one file",
    file: "plugins/storage_sqlite/sound_copy.ts",
    find: '    db.prepare("pragma journal_mode = delete").get();\n',
    replace: "",
    test: RESTORE,
  },
  {
    promise: "a backup that failed leaves nothing behind",
    file: "plugins/storage_sqlite/backup.ts",
    find: "    await removeDatabase(partial);\n",
    replace: "",
    test: BACKUP,
    case: "leave nothing behind on a disk without room",
  },
  {
    promise: "a backup that lost its last bytes is refused",
    file: "plugins/storage_sqlite/sound_copy.ts",
    find: "if (size !== pages) throw",
    replace: "if (size > pages) throw",
    test: RESTORE,
  },
  {
    promise: "a backup of a stream with a gap is refused",
    file: "plugins/storage_sqlite/sound_copy.ts",
    find: "having count(*) <> max(sequence_number)",
    replace: "having count(*) > max(sequence_number)",
    test: RESTORE,
  },
  {
    promise: "a backup of a newer deploy is refused before anything is touched",
    file: "plugins/storage_sqlite/sound_copy.ts",
    find: "migrations: EVENTS_MIGRATIONS });",
    replace: "migrations: [...EVENTS_MIGRATIONS, { name: '999_later', sql: '' }] });",
    test: RESTORE,
  },
  {
    promise: "a restore does not touch what is there unasked",
    file: "plugins/storage_sqlite/restore.ts",
    find: "if (there.length > 0 && !force) {",
    replace: "if (there.length > 100 && !force) {",
    test: RESTORE,
  },
  {
    promise: "a restore keeps the hands off a directory in use",
    file: "plugins/storage_sqlite/restore.ts",
    find: "  using _lock = await lockDirectory(directory);\n",
    replace: "",
    test: RESTORE,
  },
  {
    promise: "a restore puts aside the views of a future that is gone, and the log of the events",
    file: "plugins/storage_sqlite/pending_restore.ts",
    find: "const DATA = /^(events|views)\\.db/;",
    replace: "const DATA = /^events\\.db$/;",
    test: RESTORE,
  },
  {
    promise: "a restore that was killed is finished by the next start",
    file: "plugins/storage_sqlite/files.ts",
    find: "      await files.#finishRestore();\n",
    replace: "",
    test: RESTORE,
  },
  {
    promise: "a database in use is no backup",
    file: "plugins/storage_sqlite/restore.ts",
    find: "  await requireClosed(file);\n",
    replace: "",
    test: RESTORE,
  },
  {
    promise: "a snapshot of another past is not believed",
    file: "core/engine/aggregate.ts",
    find: "return last?.eventId === snapshot.eventId ?",
    replace: "return last?.eventId !== undefined ?",
    test: "tests/engine/foreign_snapshot_test.ts",
  },
  {
    promise: "an aggregate whose checksum differs is not imported",
    file: "core/engine/export_parts.ts",
    find: "  if (is !== should) throw",
    replace: "  if (is.length !== should.length) throw",
    test: EXPORT,
  },
  {
    promise: "a file that was cut off is not imported",
    file: "core/engine/export_parts.ts",
    find: "if (!reading.hasEnded) throw",
    replace: "if (number < 0) throw",
    test: EXPORT,
  },
  {
    promise: "the whole file is checked before anything of it is stored",
    file: "core/engine/import.ts",
    find: 'await each("checked", missingOf);',
    replace: 'await each("checked", (chunk) => write(store, chunk));',
    test: EXPORT,
  },
  {
    promise: "what was imported is read back",
    file: "core/engine/import.ts",
    find: "  if (lost > 0) throw",
    replace: "  if (lost < 0) throw",
    test: EXPORT,
  },
  {
    promise: "an event that differs from the file's is told, not kept",
    file: "core/engine/import.ts",
    find: "there !== undefined && lineOfEvent(there) !== lineOfEvent(event)",
    replace: "there !== undefined && there.sequenceNumber !== event.sequenceNumber",
    test: MEMORY,
    case: "keeps what it has where an aggregate differs",
  },
  {
    promise: "an export that was broken off is not gone on with from another store",
    file: "core/engine/export.ts",
    find: "if (stored?.eventId !== eventId) throw",
    replace: "if (stored === undefined) throw",
    test: EXPORT,
  },
  {
    promise: "neighbours of one stream are imported one after the other",
    file: "core/engine/lanes.ts",
    find: "key === last.key ? last.done :",
    replace: "key === `${last.key} ` ? last.done :",
    test: "plugins/storage_sqlite/storage_sqlite_test.ts",
    case: "takes what another store has",
  },
];
