import type { Fields } from "../model/message.ts";
import { type EventStore, Unavailable } from "../ports/event_store.ts";
import { ref } from "../ports/plugin.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Life } from "../ports/supervision.ts";
import { Bell } from "./bell.ts";
import { type OrderBook, REQUEST_STREAM } from "./subscription_orders.ts";

/** What an operator asks, and who asks it. */
export type Request = { readonly type: string; readonly data: Fields };
export type Asker = { readonly by: string; readonly correlationId: string };

const PAGE_EVENTS = 500;
/** How soon a request made to another copy is noticed here. */
const LOOK_MS = 1_000;
const MAX_ROUNDS = 10;

/** Requests of operators, kept as events of one stream: any copy takes them, whoever runs the subscription obeys. */
export class RequestLog {
  readonly #store: EventStore;
  readonly #runtime: Runtime;
  readonly #book: OrderBook;
  readonly #bell = new Bell();

  constructor({ store, runtime, book }: { store: EventStore; runtime: Runtime; book: OrderBook }) {
    this.#store = store;
    this.#runtime = runtime;
    this.#book = book;
  }

  /** What is known of the requests: all that were made before the last `refresh`. */
  get orders(): Pick<OrderBook, "number" | "redrive" | "of"> {
    return this.#book;
  }

  /** Reads all that was asked before the call. Throws `Unavailable`. */
  async refresh(): Promise<void> {
    for (let more = true; more;) {
      const events = await this.#store.read(REQUEST_STREAM, { after: this.#book.number, limit: PAGE_EVENTS });
      // Somebody else may have read them in the meantime.
      const news = events.filter(({ sequenceNumber }) => sequenceNumber > this.#book.number);
      for (const event of news) this.#book.add(event);
      if (news.length > 0) this.#bell.ring();
      more = events.length === PAGE_EVENTS;
    }
  }

  /** Resolves once another request is known, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#bell.next(signal);
  }

  /**
   * Stores what `decide` asks for on the ground of all requests before it; undefined: there is nothing to ask. Throws
   * `Unavailable` where it may not be stored: the request can be made again.
   */
  async add({ by, correlationId }: Asker, decide: () => Promise<Request | undefined>): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.refresh();
      const expectedVersion = this.#book.number;
      const request = await decide();
      if (request === undefined) return;
      const event = {
        eventId: this.#runtime.newId(),
        eventType: request.type,
        eventVersion: 1,
        data: request.data,
        timestamp: new Date(this.#runtime.now()).toISOString(),
        commandId: null,
        commandHash: null,
        causationId: null,
        correlationId,
        userId: by,
        metadata: null,
      };
      const outcome = await this.#store.append(REQUEST_STREAM, { expectedVersion, events: [event] });
      if (outcome === "unknown") {
        throw new Unavailable("The request may or may not have been stored: look, then repeat");
      }
      if (outcome === "applied") return await this.refresh();
    }
    throw new Unavailable("Others kept making requests at the same time");
  }

  /** Looks for requests made to other copies, until the signal aborts. While the store is away nothing new is known. */
  async follow({ signal, beat }: Pick<Life, "signal" | "beat">): Promise<void> {
    while (!signal.aborted) {
      beat();
      await this.refresh().catch((error: unknown) => {
        if (!(error instanceof Unavailable)) throw error;
      });
      await this.#runtime.sleep(LOOK_MS, { signal }).catch(() => {});
    }
  }
}

export const requestLogRef = ref<RequestLog>("request_log");
