import { HEARTBEAT, RETRY } from "./sse.ts";

/** What a live stream tells. `next` gives the text of the next events, and undefined when there will be no more. */
export type Feed = {
  /** Called only once what came before was taken. */
  next(): Promise<string | undefined>;
  /** Lets go of everything; a `next` under way need not settle. */
  close(): void;
};

export type StreamLimits = { readonly heartbeatMs: number; readonly slowReaderMs: number };

const ENCODER = new TextEncoder();

/**
 * One reader's connection. Nothing is made before the reader asks for it, so one that does not read costs what it did
 * not take, once, and no queue.
 */
export class LiveStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #feed: Feed;
  readonly #clock: () => number;
  readonly #onEnd: (stream: LiveStream, error?: unknown) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ready: string | undefined = RETRY;
  #isFetching = false;
  /** Answers the reader that waits for more. */
  #asked: (() => void) | undefined;
  readonly #endsMs: number;
  #sentMs: number;

  constructor(
    feed: Feed,
    { clock, onEnd, endsMs }: {
      readonly clock: () => number;
      readonly onEnd: (stream: LiveStream, error?: unknown) => void;
      /** By that clock: when the reader's right to listen ends. */
      readonly endsMs: number;
    },
  ) {
    this.#feed = feed;
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#endsMs = endsMs;
    this.#sentMs = clock();
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#ask(),
      cancel: () => this.#release(),
    }, { highWaterMark: 0 });
  }

  /**
   * To be called now and then: a quiet reader gets a sign of life; one that takes nothing is closed, and so is one
   * whose time is over.
   */
  beat(nowMs: number, { heartbeatMs, slowReaderMs }: StreamLimits): void {
    const quietMs = nowMs - this.#sentMs;
    const waits = this.#asked !== undefined;
    if (nowMs >= this.#endsMs || !waits && quietMs >= slowReaderMs) this.end();
    else if (waits && quietMs >= heartbeatMs) this.#send(HEARTBEAT);
  }

  /** Ends the connection as if all had been told; the reader comes back for the rest. */
  end(error?: unknown): void {
    if (this.#controller === undefined) return;
    this.#controller.close();
    this.#release(error);
  }

  #release(error?: unknown): void {
    this.#controller = undefined;
    this.#ready = undefined;
    this.#asked?.();
    this.#feed.close();
    this.#onEnd(this, error);
  }

  #ask(): Promise<void> | void {
    if (this.#ready !== undefined) return this.#send(this.#ready);
    if (!this.#isFetching) this.#fetch();
    return new Promise((resolve) => this.#asked = resolve);
  }

  async #fetch(): Promise<void> {
    this.#isFetching = true;
    try {
      const text = await this.#feed.next();
      this.#isFetching = false;
      if (this.#controller === undefined) return;
      if (text === undefined) this.end();
      else if (this.#asked === undefined) this.#ready = text;
      else this.#send(text);
    } catch (error) {
      this.end(error);
    }
  }

  #send(text: string): void {
    this.#ready = undefined;
    this.#sentMs = this.#clock();
    this.#controller?.enqueue(ENCODER.encode(text));
    this.#asked?.();
    this.#asked = undefined;
  }
}
