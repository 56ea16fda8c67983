import type { Fields } from "../model/message.ts";
import type { Index } from "../model/projection.ts";
import { ref } from "./plugin.ts";
import type { Progress, ProgressUpdate } from "./progress.ts";

/** One incarnation of a projection's storage. `incarnation` also names the subscription that fills it. */
export type ReadModel = {
  readonly incarnation: string;
  readonly indexes: Readonly<Record<string, Index>>;
  /**
   * `one`: a document is made from the stream whose id is its key, and its version is that stream's sequence number.
   * `many`: it is made from several streams, and its version counts its writes.
   */
  readonly sources: "one" | "many";
};

export type StoredDocument = {
  readonly key: string;
  readonly version: number;
  readonly document: Fields;
};

/** A document as its next write goes on from it: version 0 where there never was one. */
export type KnownDocument = {
  readonly version: number;
  /** Undefined where there is none, or none any more since that version. */
  readonly document: Fields | undefined;
  /** By `streamKey`, up to which event the document shows each stream asked for; left out where nothing is. */
  readonly shown?: ReadonlyMap<string, number>;
};

/** `document` undefined removes it. */
export type DocumentWrite = {
  readonly key: string;
  readonly version: number;
  readonly document: Fields | undefined;
  /** What it replaces, where the writer knows: what `known` gave, or its own write before this one. */
  readonly before?: KnownDocument | undefined;
  /** By `streamKey`, the last event of each stream that went into this write: at most `MAX_STREAMS_PER_WRITE`. */
  readonly shown?: ReadonlyMap<string, number>;
};

export const MAX_STREAMS_PER_WRITE = 100;

export type View = {
  /** At most `limit`; a store that has to look at too much for a full page gives a shorter one, perhaps empty. */
  readonly items: readonly StoredDocument[];
  /** Goes on after the last item; null at the end. Opaque. */
  readonly next: string | null;
};

export type Find = {
  /** Those whose field has this value, in the index's order; left out: all, in a stable order. */
  readonly where?: { readonly index: string; readonly value: string };
  readonly after?: string;
  readonly limit: number;
};

/**
 * Documents and the progress that made them. Where one process writes alone they are durable in one step: a document
 * never shows an event that the progress has not passed, nor the other way round. Elsewhere progress follows the
 * documents, so an event may be delivered again that they show already. Throws `Unavailable`.
 */
export type ReadModels = {
  /** True while no other process writes, and documents and progress are durable in one step. */
  readonly soleWriter: boolean;
  readonly progress: Progress;
  /** Makes the incarnation's storage and indexes where they are missing; to be called before anything else. */
  prepare(model: ReadModel): Promise<void>;
  get(model: ReadModel, keys: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>>;
  /**
   * The documents as their next writes go on from them. Where other processes write documents of `many` streams, every
   * key has an answer, with what it shows of the streams (by `streamKey`) whose events are to come.
   */
  known(
    model: ReadModel,
    keys: readonly string[],
    options?: { readonly streamsOf: (key: string) => ReadonlySet<string> },
  ): Promise<ReadonlyMap<string, KnownDocument>>;
  /** Throws `InvalidCursor` for an `after` that is not of this list. */
  find(model: ReadModel, find: Find): Promise<View>;
  /**
   * `moved`: somebody else wrote a document of `many` streams since it was read, or may have; others may be written,
   * the progress is not: read what is known and project again. Several writes of one key follow one another.
   */
  write(
    model: ReadModel,
    change: { readonly documents: readonly DocumentWrite[]; readonly progress: ProgressUpdate },
  ): Promise<"written" | "moved">;
};

export const readModelsRef = ref<ReadModels>("read_models");

export class InvalidCursor extends Error {
  override readonly name = "InvalidCursor";
}
