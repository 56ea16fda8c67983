/** Which of the counters shows what: that the main thread moves, and that the one that watches it does. */
export const MOVED = 0;
export const LOOKED = 1;

/** What the main thread sends once: a counter for either thread, and how many ticks it may leave its own alone. */
export type Watch = {
  readonly counters: Int32Array<SharedArrayBuffer>;
  readonly ticks: number;
  readonly tickMs: number;
};
