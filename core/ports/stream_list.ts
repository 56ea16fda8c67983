import type { Stream } from "./event_store.ts";
import { ref } from "./plugin.ts";

/** Some streams, and the place behind them; opaque, and only the storage that made it can read it. */
export type StreamPage = { readonly streams: readonly Stream[]; readonly place: string };

/** Which streams there are, for work on all of them. Throws `Unavailable`. */
export type StreamList = {
  /**
   * Each once, in an order of the storage's own that stays: those behind the place (null: all) that were there when it
   * began. Pages are made when asked for. Throws an `InvalidCursor` for a place that the storage did not make.
   */
  streams(after: string | null): AsyncIterable<StreamPage>;
};

export const streamListRef = ref<StreamList>("stream_list");
