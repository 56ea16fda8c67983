import type { Fields } from "../model/message.ts";
import type { Stream } from "./event_store.ts";
import { ref } from "./plugin.ts";

export type Snapshot = {
  /** The sequence number and id of the last event that `content` includes; a reader compares both with the stream. */
  readonly version: number;
  readonly eventId: string;
  readonly content: Fields;
};

/**
 * A cache of folded streams: losing any of it costs only time. A snapshot is kept with the fingerprint of the code that
 * folded it, and not found under another one: the newest of each stream and fingerprint, or only the last of a stream.
 * Throws `Unavailable`.
 */
export type Snapshots = {
  load(stream: Stream, fingerprint: string): Promise<Snapshot | undefined>;
  save(stream: Stream, snapshot: Snapshot & { readonly fingerprint: string }): Promise<void>;
};

export const snapshotsRef = ref<Snapshots>("snapshots");
