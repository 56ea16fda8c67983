import type { DatabaseSync, StatementSync } from "node:sqlite";
import { closeWriter, openForWriting, rollBack } from "./database.ts";
import { type DocumentRow, indexCells, type IndexList, tableOf } from "./document_rows.ts";
import { VIEWS_MIGRATIONS } from "./migrations.ts";
import { type ParkedRow, ParkedTable, type StreamRow } from "./parked_rows.ts";
import { type Failure, failureOf } from "./sqlite_error.ts";

/** One change of one read model, as it crosses to the worker. */
export type ViewChange = {
  readonly incarnation: string;
  readonly documents: readonly DocumentRow[];
  /** Null leaves it where it is. */
  readonly checkpoint: { readonly position: number; readonly eventId: string } | null;
  readonly park: readonly ParkedRow[];
  readonly unpark: readonly StreamRow[];
};
export type ViewReply = { readonly done: true } | { readonly failure: Failure };

type DocumentStatements = { readonly put: StatementSync; readonly remove: StatementSync };

const MOVE = `insert into progress (subscription, position, event_id, revision) values (?, ?, ?, 1)
  on conflict (subscription) do update set
    position = coalesce(excluded.position, position),
    event_id = coalesce(excluded.event_id, event_id),
    revision = revision + 1`;

/** The one connection that writes views.db: documents and the progress that made them in one transaction. */
export class ViewsFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #move: StatementSync;
  readonly #parked: ParkedTable;
  readonly #documents = new Map<string, DocumentStatements>();

  constructor(path: string) {
    // A commit lost with the power is made again from the events, so nothing waits for the disk here.
    const db = openForWriting(path, { synchronous: "normal", migrations: VIEWS_MIGRATIONS });
    this.#path = path;
    this.#db = db;
    this.#begin = db.prepare("begin immediate");
    this.#commit = db.prepare("commit");
    this.#move = db.prepare(MOVE);
    this.#parked = new ParkedTable(db);
  }

  write({ incarnation, documents, checkpoint, ...parked }: ViewChange): ViewReply {
    return this.#transaction(() => {
      const statements = this.#statementsOf(incarnation);
      for (const row of documents) {
        if (row.length === 1) statements.remove.run(row[0]);
        else statements.put.run(...row);
      }
      this.#parked.write(incarnation, parked);
      this.#move.run(incarnation, checkpoint?.position ?? null, checkpoint?.eventId ?? null);
    });
  }

  /** Makes the table and its indexes; where they were others before, fills the new ones from the documents. */
  prepare(incarnation: string, indexes: IndexList): ViewReply {
    const definition = JSON.stringify(indexes);
    this.#documents.delete(incarnation);
    return this.#transaction(() => {
      const found = this.#db.prepare("select indexes from read_models where incarnation = ?").get(incarnation);
      if (found?.indexes === definition) return;
      const table = tableOf(incarnation);
      if (found === undefined) this.#createTable(table);
      else this.#dropIndexes(table, JSON.parse(String(found.indexes)));
      this.#createIndexes(table, indexes);
      this.#db.prepare("insert or replace into read_models values (?, ?)").run(incarnation, definition);
    });
  }

  /** Removes read models that were not made from these events; they are filled again from the beginning. */
  discard(incarnations: readonly string[]): ViewReply {
    return this.#transaction(() => {
      for (const incarnation of incarnations) {
        this.#documents.delete(incarnation);
        this.#db.prepare(`drop table if exists ${tableOf(incarnation)}`).run();
        for (const table of ["progress", "parked"]) {
          this.#db.prepare(`delete from ${table} where subscription = ?`).run(incarnation);
        }
        this.#db.prepare("delete from read_models where incarnation = ?").run(incarnation);
      }
    });
  }

  close(): void {
    closeWriter(this.#db);
  }

  #transaction(work: () => void): ViewReply {
    try {
      this.#begin.run();
      work();
      this.#commit.run();
      return { done: true };
    } catch (error) {
      rollBack(this.#db);
      return { failure: failureOf(error, this.#path) };
    }
  }

  /** With row ids, so that a document under a random key makes no page of other documents move. */
  #createTable(table: string): void {
    this.#db.prepare(`create table ${table} (
      key text primary key, version integer not null, document text not null
    ) strict`).run();
  }

  #dropIndexes(table: string, indexes: IndexList): void {
    for (const at of indexes.keys()) {
      this.#db.prepare(`drop index ${table}_by_${at}`).run();
      this.#db.prepare(`alter table ${table} drop column value_${at}`).run();
      this.#db.prepare(`alter table ${table} drop column sort_${at}`).run();
    }
  }

  #createIndexes(table: string, indexes: IndexList): void {
    if (indexes.length === 0) return;
    for (const at of indexes.keys()) {
      this.#db.prepare(`alter table ${table} add column value_${at} text`).run();
      this.#db.prepare(`alter table ${table} add column sort_${at} text not null default ''`).run();
    }
    const columns = [...indexes.keys()].flatMap((at) => [`value_${at} = ?`, `sort_${at} = ?`]);
    const fill = this.#db.prepare(`update ${table} set ${columns.join(", ")} where key = ?`);
    const next = this.#db.prepare(`select key, document from ${table} where key > ? order by key limit 1`);
    for (let row = next.get(""); row !== undefined; row = next.get(String(row.key))) {
      fill.run(...indexCells(JSON.parse(String(row.document)), indexes), String(row.key));
    }
    for (const at of indexes.keys()) {
      this.#db.prepare(`create index ${table}_by_${at} on ${table} (value_${at}, sort_${at} desc, key)
        where value_${at} is not null`).run();
    }
  }

  #statementsOf(incarnation: string): DocumentStatements {
    const known = this.#documents.get(incarnation);
    if (known !== undefined) return known;
    const table = tableOf(incarnation);
    const columns = this.#db.prepare(`select name from pragma_table_info(?)`).all(table).map(({ name }) =>
      String(name)
    );
    const updates = columns.slice(1).map((name) => `${name} = excluded.${name}`);
    const statements = {
      put: this.#db.prepare(`insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})
        on conflict (key) do update set ${updates.join(", ")}`),
      remove: this.#db.prepare(`delete from ${table} where key = ?`),
    };
    this.#documents.set(incarnation, statements);
    return statements;
  }
}
