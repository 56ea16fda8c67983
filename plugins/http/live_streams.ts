import { Shares } from "../../core/engine/shares.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { type Feed, LiveStream, type StreamLimits } from "./live_stream.ts";
import { type Problem, problem } from "./problems.ts";
import { respond } from "./respond.ts";
import { EVENT_STREAM_HEADERS } from "./sse.ts";

export type LiveStreamsParts = {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  readonly limits: LiveLimits;
};
export type LiveLimits = StreamLimits & { readonly streams: number; readonly streamsPerClient: number };

const SWEEP_MS = 1_000;
const RETRY_AFTER = { "retry-after": "1" };

/** All live connections, bounded in number and for each client, under one timer. */
export class LiveStreams {
  readonly #parts: LiveStreamsParts;
  readonly #streams = new Set<LiveStream>();
  readonly #closing = new AbortController();
  /** Of those that are being opened, too. */
  readonly #shares: Shares;
  #isSweeping = false;

  constructor(parts: LiveStreamsParts) {
    this.#parts = parts;
    this.#shares = new Shares(parts.limits.streams);
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Answers with what the feed tells, once it has found its place, until `untilMs`; a HEAD is told that it would. */
  async open(
    { request, correlationId, client, untilMs }: {
      readonly request: Request;
      readonly client: () => string;
      readonly correlationId: string;
      /** Milliseconds since 1970. */
      readonly untilMs: number;
    },
    { headers, begin }: { headers?: Readonly<Record<string, string>>; begin: () => Promise<Feed | Problem> },
  ): Promise<Response | Problem> {
    const { limits: { streams, streamsPerClient } } = this.#parts;
    if (this.#closing.signal.aborted) return problem("unavailable", { detail: "The service is stopping" });
    const leave = this.#shares.take(client(), streamsPerClient);
    if (leave === "none_left") return problem("overloaded", { detail: `There are ${streams} live streams already` });
    if (leave === "share_taken") {
      const detail = `You have ${streamsPerClient} live streams already`;
      return problem("rate_limited", { detail, headers: RETRY_AFTER });
    }
    using opening = new DisposableStack();
    opening.defer(leave);
    const feed = await begin();
    if ("is" in feed) return feed;
    const answered = { correlationId, headers: { ...EVENT_STREAM_HEADERS, ...headers } };
    if (request.method === "HEAD") {
      feed.close();
      return respond(null, answered);
    }
    const place = opening.move();
    return respond(this.#add(feed, { correlationId, untilMs, place }), answered);
  }

  /** Ends all of them, at once; there will be no others. */
  close(): void {
    this.#closing.abort();
    for (const stream of [...this.#streams]) stream.end();
  }

  #add(
    feed: Feed,
    { correlationId, untilMs, place }: {
      readonly correlationId: string;
      readonly untilMs: number;
      readonly place: Disposable;
    },
  ): ReadableStream<Uint8Array> {
    const { runtime, log } = this.#parts;
    const stream = new LiveStream(feed, {
      clock: () => runtime.monotonicMs(),
      endsMs: runtime.monotonicMs() + untilMs - runtime.now(),
      onEnd: (ended, error) => {
        this.#streams.delete(ended);
        place[Symbol.dispose]();
        if (error === undefined) return;
        const fields = { correlation_id: correlationId, error: String(error) };
        log.error("A live stream failed; its reader comes back", fields);
      },
    });
    this.#streams.add(stream);
    if (this.#closing.signal.aborted) stream.end();
    else if (!this.#isSweeping) this.#beginSweeping();
    return stream.body;
  }

  #beginSweeping(): void {
    this.#isSweeping = true;
    const run = (life: Life) => this.#sweep(life);
    this.#parts.branch.start({ name: "live_streams", run, mayEnd: true, until: this.#closing.signal });
  }

  /** Until there are none. */
  async #sweep({ signal, beat }: Life): Promise<void> {
    const { runtime, limits: { heartbeatMs, slowReaderMs } } = this.#parts;
    const sweepMs = Math.min(SWEEP_MS, heartbeatMs, slowReaderMs);
    // What falls due before the next sweep is due in this one.
    const limits = { heartbeatMs: heartbeatMs - sweepMs, slowReaderMs };
    while (this.size > 0) {
      beat();
      await runtime.sleep(sweepMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      const nowMs = runtime.monotonicMs();
      for (const stream of this.#streams) stream.beat(nowMs, limits);
    }
    this.#isSweeping = false;
  }
}
