import { LRUCache } from "lru-cache";
import { type Aggregate, aggregateSize } from "./aggregate.ts";

export const LIVE_CACHE_BYTES = 32 * 1024 * 1024;

/**
 * Folded aggregates of the last commands, bounded in bytes. Only the command bus fills it, and only with what an
 * applied append confirmed or a load has just read while no command of that stream was under way.
 */
export class LiveCache {
  readonly #aggregates: LRUCache<string, Aggregate>;

  constructor(maxBytes: number) {
    this.#aggregates = new LRUCache({ maxSize: maxBytes, sizeCalculation: aggregateSize });
  }

  get(key: string): Aggregate | undefined {
    return this.#aggregates.get(key);
  }

  set(key: string, aggregate: Aggregate): void {
    this.#aggregates.set(key, aggregate);
  }

  drop(key: string): void {
    this.#aggregates.delete(key);
  }
}
