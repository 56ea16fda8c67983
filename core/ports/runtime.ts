import { ref } from "./plugin.ts";

/** The only source of time, identity and chance, so that a seed can replay a run. */
export type Runtime = {
  /** Wall clock, milliseconds since 1970 in UTC. It may jump. */
  now(): number;
  /** Milliseconds since some start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** The same, as it was when this turn of the event loop first asked for it; for what each command asks for. */
  turnMs(): number;
  /** A new UUIDv7. */
  newId(): string;
  /** At least 0, below 1. */
  random(): number;
  /** Resolves after `ms`; rejects with the signal's reason when that aborts first. */
  sleep(ms: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
};

export const runtimeRef = ref<Runtime>("runtime");
