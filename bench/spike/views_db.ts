// views.db: documents and the projection's checkpoint in one transaction.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { open } from "./events_db.ts";
import { required } from "./required.ts";
import type { Shape } from "./shape.ts";

export class ViewsDb {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #upsert: StatementSync;
  readonly #checkpoint: StatementSync;

  constructor(path: string, shape: Shape) {
    const db = this.#db = open(path, { ...shape, exclusive: false }, "NORMAL");
    db.exec(`CREATE TABLE docs (key TEXT PRIMARY KEY, doc TEXT NOT NULL, version INTEGER NOT NULL)
      STRICT${shape.viewRowid ? "" : ", WITHOUT ROWID"};
      CREATE TABLE checkpoints (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID`);
    if (shape.viewIndexes) {
      db.exec(`CREATE INDEX docs_by_owner ON docs (json_extract(doc, '$.owner'), key);
        CREATE INDEX docs_by_balance ON docs (json_extract(doc, '$.balance'), key)`);
    }
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#upsert = db.prepare(`INSERT INTO docs (key, doc, version) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET doc = excluded.doc, version = excluded.version`);
    this.#checkpoint = db.prepare(`INSERT INTO checkpoints (name, position) VALUES ('balances', ?)
      ON CONFLICT (name) DO UPDATE SET position = excluded.position`);
  }

  /** flat: key, document, version, key, document, version, ... */
  write(flat: (string | number)[], position: number): void {
    this.#begin.run();
    for (let i = 0; i < flat.length; i += 3) {
      const key = required(flat[i], "a document's key");
      this.#upsert.run(key, required(flat[i + 1], "a document"), required(flat[i + 2], "a document's version"));
    }
    this.#checkpoint.run(position);
    this.#commit.run();
  }

  check(): { docs: number; total: number } {
    return this.#db.prepare("SELECT count(*) AS docs, sum(json_extract(doc, '$.balance')) AS total FROM docs")
      .get() as { docs: number; total: number };
  }

  close(): void {
    this.#db.close();
  }
}
