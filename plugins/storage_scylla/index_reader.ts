import type { Place } from "../../core/ports/cursor.ts";
import { SHARDS } from "./index_rows.ts";
import { allRows } from "./rows.ts";
import type { CqlSession } from "./session.ts";

export type HintsWanted = {
  readonly list: string;
  readonly value: string;
  readonly after: Place | undefined;
  /** How many hints are wanted at first, for all shards together. */
  readonly expected: number;
};

/** The hints of one value in a list's order, read from each shard as far as needed. */
export class MergedHints {
  readonly #shards: readonly Shard[];

  constructor(session: CqlSession, table: string, wanted: HintsWanted) {
    this.#shards = Array.from({ length: SHARDS }, (_, shard) => new Shard(session, table, { ...wanted, shard }));
  }

  /** The next ones, as they are stored; fewer only at the end. */
  async take(count: number): Promise<readonly Place[]> {
    const taken: Place[] = [];
    while (taken.length < count) {
      await Promise.all(this.#shards.filter((shard) => shard.isHungry).map((shard) => shard.fill()));
      const first = this.#shards.reduce<Shard | undefined>(
        (least, shard) => isBefore(shard, least) ? shard : least,
        undefined,
      );
      const place = first?.next();
      if (place === undefined) break;
      taken.push(place);
    }
    return taken;
  }
}

class Shard {
  readonly #session: CqlSession;
  readonly #cql: ReturnType<typeof statementsFor>;
  readonly #wanted: HintsWanted & { readonly shard: number };
  readonly #limit: number;
  #after: Place | undefined;
  #buffer: readonly Place[] = [];
  #taken = 0;
  #ended = false;

  constructor(session: CqlSession, table: string, wanted: HintsWanted & { readonly shard: number }) {
    this.#session = session;
    this.#cql = statementsFor(table);
    this.#wanted = wanted;
    this.#after = wanted.after;
    this.#limit = MIN_PER_SHARD + 2 * Math.ceil(wanted.expected / SHARDS);
  }

  get isHungry(): boolean {
    return this.#taken === this.#buffer.length && !this.#ended;
  }

  get first(): Place | undefined {
    return this.#buffer[this.#taken];
  }

  next(): Place | undefined {
    const place = this.first;
    this.#taken += 1;
    return place;
  }

  async fill(): Promise<void> {
    this.#buffer = this.#after === undefined
      ? await this.#read(this.#cql.first, [])
      : await this.#following(this.#after);
    this.#taken = 0;
    this.#after = this.#buffer.at(-1) ?? this.#after;
    this.#ended = this.#buffer.length < this.#limit;
  }

  /** CQL has no comparison for an order of two directions: first the rest of the equal sort, then the lesser ones. */
  async #following({ sort, key }: Place): Promise<readonly Place[]> {
    const [equal, lesser] = await Promise.all([
      this.#read(this.#cql.equal, [sort, key]),
      sort === "" ? [] : this.#read(this.#cql.lesser, [sort]),
    ]);
    return [...equal, ...lesser].slice(0, this.#limit);
  }

  async #read(cql: string, place: readonly string[]): Promise<readonly Place[]> {
    const { list, value, shard } = this.#wanted;
    const values = [list, value, shard, ...place, this.#limit];
    const rows = await allRows(this.#session, { cql, values }, { pageSize: this.#limit });
    return rows.map(({ sort, key }) => ({ sort: String(sort), key: String(key) }));
  }
}

const MIN_PER_SHARD = 4;

function statementsFor(table: string) {
  const select = `SELECT sort, key FROM ${table} WHERE list = ? AND value = ? AND shard = ?`;
  return {
    first: `${select} LIMIT ?`,
    equal: `${select} AND sort = ? AND key > ? LIMIT ?`,
    lesser: `${select} AND sort < ? LIMIT ?`,
  };
}

function isBefore({ first: a }: Shard, other: Shard | undefined): boolean {
  const b = other?.first;
  if (a === undefined || b === undefined) return a !== undefined;
  return a.sort === b.sort ? compareText(a.key, b.key) < 0 : compareText(a.sort, b.sort) > 0;
}

/** As the server compares texts: by code point, where JavaScript compares UTF-16. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters behind all that one unit can hold. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
