import type { Stream } from "../../core/ports/event_store.ts";
import { bucketOf, type Layout, PARTITION, partitionOf } from "./partitions.ts";
import type { CqlRow, CqlSession } from "./session.ts";

/** Where a stream can be appended to, as it was found: a commit depends on `cond` and `fence` of that bucket. */
export type Head = {
  readonly version: number;
  /** The one of the next commit. */
  readonly bucket: number;
  /** What its `current_sequence` is: the version, or null before its first commit. */
  readonly cond: number | null;
  readonly fence: string | null;
};

/** `at`: when it was learned, as `StreamHeads.now` counts. */
export type KnownHead = Head & { readonly at: number };

const MAX_STREAMS = 50_000;
const READ_HEAD = `SELECT DISTINCT current_sequence, fence FROM event_store WHERE ${PARTITION}`;

/** The heads of the streams that were read or written last: to be tried first, and wrong as soon as others write. */
export class StreamHeads {
  readonly #session: CqlSession;
  readonly #layout: Layout;
  readonly #heads = new Map<string, KnownHead | "wrong">();
  #time = 0;

  constructor(session: CqlSession, layout: Layout) {
    this.#session = session;
    this.#layout = layout;
  }

  /** What is learned from now on has this time or a later one. */
  now(): number {
    return this.#time;
  }

  known(stream: Stream): KnownHead | undefined {
    const head = this.#heads.get(keyOf(stream));
    return head === "wrong" ? undefined : head;
  }

  /** Whether nothing was ever heard of the stream, not even that a guess was wrong. */
  isNew(stream: Stream): boolean {
    return !this.#heads.has(keyOf(stream));
  }

  /** A condition on it has failed. */
  forget(stream: Stream): void {
    this.#heads.set(keyOf(stream), "wrong");
  }

  learn(stream: Stream, head: Head): KnownHead {
    const before = this.known(stream);
    const known = { ...head, at: this.#time };
    this.#time += 1;
    if (before === undefined || before.version <= head.version) this.#keep(keyOf(stream), known);
    return known;
  }

  /** Any row of a bucket tells of its head; one that is full does not know what the next holds. */
  learnFrom(stream: Stream, { bucket, row }: { readonly bucket: number; readonly row: CqlRow }): void {
    const { current, fence } = toBucketHead(row);
    if (current === null || bucketOf(current, this.#layout) > bucket) return;
    this.learn(stream, { version: current, bucket, cond: current, fence });
  }

  /** Learns that a commit was applied. */
  advance(stream: Stream, { version, bucket, fence }: Omit<Head, "cond">): void {
    const next = bucketOf(version, this.#layout);
    this.learn(stream, { version, bucket: next, ...(next === bucket ? { cond: version, fence } : EMPTY) });
  }

  /** Reads it. Buckets are full up to the last, so it begins where the stream was found before. */
  async load(stream: Stream): Promise<KnownHead> {
    const known = this.known(stream);
    let bucket = known === undefined ? 0 : Math.max(0, known.cond === null ? known.bucket - 1 : known.bucket);
    for (let version = 0;; bucket += 1) {
      const { current, fence } = await this.#readBucket(stream, bucket);
      if (current === null) return this.learn(stream, { version, bucket, cond: null, fence });
      version = current;
      if (bucketOf(current, this.#layout) === bucket) {
        return this.learn(stream, { version, bucket, cond: current, fence });
      }
    }
  }

  /** The fences of these buckets, both included, in order. */
  async fences(stream: Stream, { from, to }: { readonly from: number; readonly to: number }) {
    const fences: (string | null)[] = [];
    for (let bucket = from; bucket <= to; bucket += 1) fences.push((await this.#readBucket(stream, bucket)).fence);
    return fences;
  }

  #keep(key: string, head: KnownHead): void {
    this.#heads.delete(key);
    this.#heads.set(key, head);
    if (this.#heads.size <= MAX_STREAMS) return;
    const [oldest] = this.#heads.keys();
    if (oldest !== undefined) this.#heads.delete(oldest);
  }

  async #readBucket(stream: Stream, bucket: number): Promise<BucketHead> {
    const pages = this.#session.pages({ cql: READ_HEAD, values: partitionOf(stream, bucket) });
    for await (const [row] of pages) if (row !== undefined) return toBucketHead(row);
    return { current: null, fence: null };
  }
}

const EMPTY = { cond: null, fence: null };

/** No two streams have one key, whatever their names are. */
function keyOf({ aggregateType, aggregateId }: Stream): string {
  return `${aggregateType.length}/${aggregateType}${aggregateId}`;
}

type BucketHead = { readonly current: number | null; readonly fence: string | null };

function toBucketHead(row: CqlRow): BucketHead {
  const current = row["current_sequence"] ?? null;
  const fence = row["fence"];
  return { current: current === null ? null : Number(current), fence: typeof fence === "string" ? fence : null };
}
