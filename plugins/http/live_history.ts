import { mayRead } from "../../core/engine/queries.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import type { Served } from "../../core/engine/registry.ts";
import { type EventStore, type RecordedEvent, type Stream, Unavailable } from "../../core/ports/event_store.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { type Handler, type Kernel, parameter } from "./call.ts";
import { envelope } from "../../core/engine/envelope.ts";
import { expectedId, isId } from "./ids.ts";
import type { Listener, LiveHub, NewEvents } from "./live_hub.ts";
import type { Feed } from "./live_stream.ts";
import { type Problem, problem } from "./problems.ts";
import { readQuery } from "./query.ts";
import { frame, readStart, type Start, START_NAMES, wrongStart } from "./sse.ts";

const PAGE_EVENTS = 50;
const TEXT_CHARACTERS = 64 * 1024;
const SEQUENCE_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/;

/** `GET /{path}/{id}/events` as server-sent events: from where the reader stood, then what happens from now on. */
export function getLiveHistory(kernel: Kernel, served: Served): Handler {
  const { store, live, hub, runtime } = kernel;
  return async (call) => {
    const query = readQuery(call.request.url, START_NAMES);
    if (query.is === "problem") return query;
    const id = parameter(call, "id");
    if (!isId(served.module.id, id)) {
      return problem("invalid_id", { detail: `Expected ${expectedId(served.module.id)}` });
    }
    const start = readStart(call.request.headers, query);
    if (start.is === "problem") return start;
    if (!mayRead(served, call.principal, { kind: "history", id })) return problem("forbidden");
    const stream = { aggregateType: served.module.name, aggregateId: id };
    const version = await store.version(stream);
    if (version === 0) return problem("not_found");
    const after = placeOf(start, version);
    if (typeof after === "object") return after;
    const begin = async () => {
      const feed = new HistoryFeed(stream, { after, store, hub, runtime });
      hub.join(stream, feed);
      return feed;
    };
    return await live.open(call, { headers: { vary: "accept" }, begin });
  };
}

export function historyText(events: readonly RecordedEvent[]): string {
  return events.map((event) => frame({ id: event.sequenceNumber, type: event.eventType, data: envelope(event) })).join(
    "",
  );
}

/** An id beyond the last event is of another stream or another store: waiting for it would leave events out. */
function placeOf(start: Start, version: number): number | Problem {
  if (start.is !== "after") return start.is === "beginning" ? 0 : version;
  if (SEQUENCE_NUMBER.test(start.id) && Number(start.id) <= version) return Number(start.id);
  return wrongStart(start, `a sequence number of this aggregate, at most ${version}`);
}

type HistoryParts = {
  readonly after: number;
  readonly store: EventStore;
  readonly hub: LiveHub;
  readonly runtime: Runtime;
};

/**
 * One reader's way through a stream. The store is what it reads; an offer saves it the reading when it is exactly what
 * comes next and the reader waits for it, and is else a sign to read on.
 */
class HistoryFeed implements Feed, Listener {
  readonly #stream: Stream;
  readonly #parts: HistoryParts;
  readonly #closed = new AbortController();
  #after: number;
  /** The store may hold more than what was read. */
  #mayRead = true;
  #waiting: PromiseWithResolvers<string | undefined> | undefined;

  constructor(stream: Stream, parts: HistoryParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.#after = parts.after;
  }

  async next(): Promise<string | undefined> {
    while (!this.#closed.signal.aborted) {
      const text = this.#mayRead ? await this.#read() : await this.#wait();
      if (text !== undefined) return text;
    }
    return undefined;
  }

  offer({ events, text }: NewEvents): void {
    const first = events[0]?.sequenceNumber ?? 0;
    const last = events.at(-1)?.sequenceNumber ?? 0;
    if (last <= this.#after) return;
    const follows = first === this.#after + 1 && last - first + 1 === events.length && !this.#mayRead;
    if (this.#waiting === undefined || !follows) {
      this.lookAgain();
      return;
    }
    this.#after = last;
    this.#waiting.resolve(text());
    this.#waiting = undefined;
  }

  lookAgain(): void {
    this.#mayRead = true;
    this.#waiting?.resolve(undefined);
  }

  close(): void {
    this.#parts.hub.leave(this.#stream, this);
    this.#closed.abort();
    this.#waiting?.resolve(undefined);
  }

  async #wait(): Promise<string | undefined> {
    this.#waiting = Promise.withResolvers();
    try {
      return await this.#waiting.promise;
    } finally {
      this.#waiting = undefined;
    }
  }

  async #read(): Promise<string | undefined> {
    this.#mayRead = false;
    const page = await this.#readPage();
    let text = "";
    for (const event of page) {
      if (text.length >= TEXT_CHARACTERS) break;
      text += historyText([event]);
      this.#after = event.sequenceNumber;
    }
    if (page.length === PAGE_EVENTS || text.length >= TEXT_CHARACTERS) this.#mayRead = true;
    return text === "" ? undefined : text;
  }

  /** Goes on trying while the store is unavailable: a browser would not come back after a 503. */
  async #readPage(): Promise<readonly RecordedEvent[]> {
    const { store, runtime } = this.#parts;
    const { signal } = this.#closed;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await store.read(this.#stream, { after: this.#after, limit: PAGE_EVENTS });
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      }
    }
    return [];
  }
}
