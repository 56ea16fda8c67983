import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Stream } from "../../core/ports/event_store.ts";
import type { Parked } from "../../core/ports/progress.ts";
import { type StreamRow, toParked, toStreamRow } from "./parked_rows.ts";
import { reading } from "./sqlite_error.ts";

const PARKED = "select * from parked where subscription = ?";

/** Reads the tables `progress` and `parked`, which either file has. Throws `Unavailable`. */
export class ProgressReader {
  readonly #path: string;
  readonly #progress: StatementSync;
  readonly #parked: StatementSync;
  readonly #parkedAt: StatementSync;
  readonly #parkedBehind: StatementSync;

  constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#progress = db.prepare("select position from progress where subscription = ?");
    this.#parked = db.prepare(PARKED);
    this.#parkedAt = db.prepare(`${PARKED} and aggregate_type = ? and aggregate_id = ?`);
    this.#parkedBehind = db.prepare(
      `${PARKED} and (aggregate_type, aggregate_id) > (?, ?) order by aggregate_type, aggregate_id limit ?`,
    );
  }

  progressOf(subscription: string): number | undefined {
    const found = reading(this.#path, () => this.#progress.get(subscription))?.position;
    return typeof found === "number" ? found : undefined;
  }

  parkedOf(subscription: string): Parked[] {
    return reading(this.#path, () => this.#parked.all(subscription)).map(toParked);
  }

  /** In the order of their names, at most `limit` behind the stream. */
  parkedBehind(subscription: string, { behind, limit }: { behind: StreamRow; limit: number }): Parked[] {
    return reading(this.#path, () => this.#parkedBehind.all(subscription, ...behind, limit)).map(toParked);
  }

  parkedAt(subscription: string, stream: Stream): Parked | undefined {
    const row = reading(this.#path, () => this.#parkedAt.get(subscription, ...toStreamRow(stream)));
    return row === undefined ? undefined : toParked(row);
  }
}
