import type { Fields } from "../model/message.ts";
import type { Index } from "../model/projection.ts";
import { ref } from "./plugin.ts";
import type { Progress, ProgressUpdate } from "./progress.ts";

/** One incarnation of a projection's storage. `incarnation` also names the subscription that fills it. */
export type ReadModel = {
  readonly incarnation: string;
  readonly indexes: Readonly<Record<string, Index>>;
};

export type StoredDocument = {
  readonly key: string;
  /** The stream's sequence number, or for a document over several streams how often it was written. */
  readonly version: number;
  readonly document: Fields;
};

/** `document` undefined removes it. */
export type DocumentWrite = {
  readonly key: string;
  readonly version: number;
  readonly document: Fields | undefined;
};

export type View = {
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
 * Documents and the progress that made them, durable in one step: a document never shows an event that the progress
 * has not passed, nor the other way round. One writer per incarnation. Throws `Unavailable`.
 */
export type ReadModels = {
  readonly progress: Progress;
  /** Makes the incarnation's storage and indexes where they are missing; to be called before anything else. */
  prepare(model: ReadModel): Promise<void>;
  get(model: ReadModel, keys: readonly string[]): Promise<ReadonlyMap<string, StoredDocument>>;
  /** Throws `InvalidCursor` for an `after` that is not of this list. */
  find(model: ReadModel, find: Find): Promise<View>;
  write(
    model: ReadModel,
    change: { readonly documents: readonly DocumentWrite[]; readonly progress: ProgressUpdate },
  ): Promise<void>;
};

export const readModelsRef = ref<ReadModels>("read_models");

export class InvalidCursor extends Error {
  override readonly name = "InvalidCursor";
}
