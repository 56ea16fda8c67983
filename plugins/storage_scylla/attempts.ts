import {
  type AppendOutcome,
  type Attempt,
  type NewEvent,
  type Stream,
  Unavailable,
} from "../../core/ports/event_store.ts";
import { closeStream, commitEvents, type CommitParts } from "./commits.ts";
import type { Head, StreamHeads } from "./stream_heads.ts";

/**
 * The head to append to if the stream is at this version, else undefined. One that is remembered, or of a stream that
 * nobody has heard of, may be wrong: then the condition on it fails, and the next time it is read.
 */
export async function headAt(heads: StreamHeads, stream: Stream, version: number): Promise<Head | undefined> {
  const known = heads.known(stream);
  if (known !== undefined && known.version > version) return undefined;
  if (known?.version === version) return known;
  if (version === 0 && heads.isNew(stream)) return { version, bucket: 0, cond: null, fence: null };
  const head = await heads.load(stream);
  return head.version === version ? head : undefined;
}

/**
 * Answers keyed commands of one stream. It remembers the fence that it saw first. A fence of somebody else's in its
 * place, or in a later bucket, may stand for an answer to one of the same keys.
 */
export class KeyedAttempt implements Attempt {
  readonly #parts: CommitParts;
  readonly #stream: Stream;
  readonly #deadlineMs: number;
  readonly #begun: number;
  #first: Pick<Head, "bucket" | "fence"> | undefined;
  #own: string | undefined;

  constructor(parts: CommitParts, { stream, deadlineMs }: { readonly stream: Stream; readonly deadlineMs: number }) {
    this.#parts = parts;
    this.#stream = stream;
    this.#deadlineMs = deadlineMs;
    this.#begun = parts.heads.now();
  }

  async append(
    { expectedVersion, events, closing }: {
      readonly expectedVersion: number;
      readonly events: readonly NewEvent[];
      readonly closing: boolean;
    },
  ): Promise<AppendOutcome> {
    const head = await this.#headAt(expectedVersion);
    if (head === undefined) return "conflict";
    const stream = this.#stream;
    return await commitEvents(this.#parts, { stream, head, events, closing: closing ? this.#newFence() : null });
  }

  async close(version: number): Promise<boolean> {
    const head = await this.#headAt(version);
    if (head === undefined) return false;
    return await closeStream(this.#parts, { stream: this.#stream, head, fence: this.#newFence() });
  }

  async #headAt(version: number): Promise<Head | undefined> {
    const { heads } = this.#parts;
    const known = heads.known(this.#stream);
    // One from before would not tell what others have answered since.
    const isFresh = known !== undefined && known.at >= this.#begun && known.version === version;
    const head = isFresh ? known : await heads.load(this.#stream);
    if (this.#first === undefined) this.#see(head);
    else await this.#requireOpen(this.#first, head);
    return head.version === version ? head : undefined;
  }

  #see({ bucket, fence }: Head): void {
    if (this.#parts.runtime.monotonicMs() > this.#deadlineMs) {
      throw new Unavailable("Expected to begin with a keyed command in time, found it too late; send it again");
    }
    this.#first = { bucket, fence };
  }

  async #requireOpen(first: Pick<Head, "bucket" | "fence">, head: Head): Promise<void> {
    const between = { from: first.bucket, to: head.bucket - 1 };
    const fences = [...await this.#parts.heads.fences(this.#stream, between), head.fence];
    const isOpen = fences.every((fence, at) => fence === (at === 0 ? first.fence : null) || fence === this.#own);
    if (isOpen) return;
    throw new Unavailable("Expected to be alone with a keyed command, found that others may have answered it");
  }

  #newFence(): string {
    this.#own = this.#parts.runtime.newId();
    return this.#own;
  }
}
