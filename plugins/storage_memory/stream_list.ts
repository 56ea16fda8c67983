import type { Stream } from "../../core/ports/event_store.ts";
import { InvalidCursor } from "../../core/ports/read_models.ts";
import type { StreamList } from "../../core/ports/stream_list.ts";

const PAGE = 100;

/** In the order of their first events; a place is how many there were before. */
export function createStreamList(all: () => readonly Stream[]): StreamList {
  return {
    async *streams(after) {
      if (after !== null && !/^\d{1,15}$/.test(after)) {
        throw new InvalidCursor(`Cannot go on after "${after}": expected a place of this list`);
      }
      for (let at = Number(after ?? 0); at < all().length; at += PAGE) {
        const streams = all().slice(at, at + PAGE);
        yield { streams, place: String(at + streams.length) };
      }
    },
  };
}
