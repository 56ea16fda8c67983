import { LRUCache } from "lru-cache";
import { type Aggregate, aggregateSize } from "./aggregate.ts";

export const LIVE_CACHE_BYTES = 32 * 1024 * 1024;
/** Of the bytes, for aggregates that were written again since they came. */
const PROVEN_SHARE = 3 / 4;

/**
 * Folded aggregates of the last commands, bounded in bytes. Only the command bus fills it, and only with what an
 * applied append confirmed or a load has just read while no command of that stream was under way.
 *
 * A segmented LRU (Karedla, Love and Wherry, "Caching Strategies to Improve Disk System Performance", 1994): however
 * many aggregates are written once, like orders that are created, they do not drive out those that are written again
 * and again.
 */
export class LiveCache {
  readonly #maxBytes: number;
  /** May take what the proven ones leave. */
  readonly #fresh: LRUCache<string, Aggregate>;
  /** What this one has no room for has another chance among the fresh ones. */
  readonly #proven: LRUCache<string, Aggregate>;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#fresh = new LRUCache({ maxSize: maxBytes, sizeCalculation: aggregateSize });
    this.#proven = new LRUCache({
      maxSize: Math.ceil(maxBytes * PROVEN_SHARE),
      sizeCalculation: aggregateSize,
      disposeAfter: (aggregate, key, reason) => {
        if (reason === "evict") this.#fresh.set(key, aggregate);
      },
    });
  }

  get(key: string): Aggregate | undefined {
    return this.#proven.get(key) ?? this.#fresh.get(key);
  }

  set(key: string, aggregate: Aggregate): void {
    if (this.#proven.has(key) || this.#fresh.delete(key)) this.#proven.set(key, aggregate);
    // One that is new, or too large for a place among the proven ones.
    if (!this.#proven.has(key)) this.#fresh.set(key, aggregate);
    while (this.#fresh.calculatedSize + this.#proven.calculatedSize > this.#maxBytes) this.#fresh.pop();
  }

  drop(key: string): void {
    this.#proven.delete(key);
    this.#fresh.delete(key);
  }
}
