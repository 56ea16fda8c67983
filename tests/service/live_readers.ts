import { assert, assertEquals } from "@std/assert";
import { SseReader, type Told } from "../http/sse_reader.ts";
import type { Chance } from "./chance.ts";

/** How many events of which aggregate there will be. */
export type Expected = ReadonlyMap<string, number>;

/**
 * A reader that comes and goes, and wants every event of some aggregates: once, and in order for each. Where it was
 * cut off it goes on by the last id it has received whole.
 */
export class WanderingReader {
  /** The last sequence number seen of each aggregate. */
  readonly seen: Map<string, number>;
  connections = 0;
  readonly #path: string;
  readonly #chance: Chance;
  readonly #eventIds = new Set<string>();
  #lastId: string | undefined;

  /** `path` begins at the beginning unless events are `seen` before: then it begins now. */
  constructor(path: string, { chance, seen }: { chance: Chance; seen: ReadonlyMap<string, number> }) {
    this.#path = path;
    this.#chance = chance;
    this.seen = new Map(seen);
  }

  /** Opens the first connection. */
  begin(origin: string): Promise<SseReader> {
    return this.#connect(origin);
  }

  /** Reads until nothing is missing; the first connection may have been opened before. */
  async readAll(
    expected: Expected,
    { origin, first }: { origin: string; first?: SseReader | undefined },
  ): Promise<void> {
    for (let open = first; this.#lacksAny(expected); open = undefined) {
      await using reader = open ?? await this.#connect(origin);
      assertEquals(reader.response.status, 200);
      // Who begins now and is told nothing does not know where to go on.
      await this.#readSome(reader, { expected, count: this.#chance.between(1, 2_000) });
    }
  }

  /** Reads until the connection ends or the expected is there. */
  async readToEnd(reader: SseReader, expected: Expected = new Map([["nothing", 1]])): Promise<void> {
    await this.#readSome(reader, { expected, count: Infinity });
  }

  async #readSome(reader: SseReader, { expected, count }: { expected: Expected; count: number }): Promise<void> {
    for (let read = 0; read < count && this.#lacksAny(expected); read++) {
      const told = await reader.next();
      if (told === undefined) return;
      this.#take(told);
    }
  }

  #take({ id, data }: Told): void {
    const [eventId, aggregateId] = [String(data.event_id), String(data.aggregate_id)];
    const number = Number(data.sequence_number);
    assertEquals(number, (this.seen.get(aggregateId) ?? 0) + 1, `the next event of ${aggregateId} on ${this.#path}`);
    assert(!this.#eventIds.has(eventId), `expected the event ${eventId} once on ${this.#path}, found it twice`);
    this.#eventIds.add(eventId);
    this.seen.set(aggregateId, number);
    this.#lastId = id;
  }

  #connect(origin: string): Promise<SseReader> {
    this.connections += 1;
    const url = `${origin}${this.#path}`;
    const beginning = this.connections === 1 && this.seen.size > 0 ? "" : "?from=beginning";
    if (this.#lastId === undefined) return SseReader.open(url + beginning);
    if (this.#chance.next() < 0.5) return SseReader.open(`${url}?after=${this.#lastId}`);
    return SseReader.open(url + beginning, { headers: { "last-event-id": this.#lastId } });
  }

  #lacksAny(expected: Expected): boolean {
    for (const [id, count] of expected) if ((this.seen.get(id) ?? 0) < count) return true;
    return false;
  }
}
