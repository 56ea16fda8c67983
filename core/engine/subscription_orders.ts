import type { RecordedEvent, Stream } from "../ports/event_store.ts";
import { streamKey } from "../ports/event_store.ts";
import type { Parked } from "../ports/progress.ts";

/** Which dead letters are meant; what is left out leaves it open. `error` is a part of its text. */
export type DeadLetterFilter = {
  readonly subscription?: string | undefined;
  readonly aggregate_type?: string | undefined;
  readonly aggregate_id?: string | undefined;
  readonly event_type?: string | undefined;
  readonly error?: string | undefined;
};

export type Pause = { readonly subscription: string; readonly reason: string };
/** `number` is that of the request among all requests; `total` is how many were meant when it was made. */
export type Redrive = {
  readonly number: number;
  readonly filter: DeadLetterFilter;
  readonly perSecond: number;
  readonly total: number;
  readonly requestedAt: string;
  readonly requestedBy: string | null;
};
export type Skip = { readonly number: number; readonly from: number };

/** What operators have asked of one subscription. */
export type Orders = {
  /** How many requests were made until now, of any subscription. */
  readonly number: number;
  readonly pause: Requested<Pause> | undefined;
  readonly redrive: Redrive | null;
  /** By stream. */
  readonly skips: ReadonlyMap<string, Skip>;
};

export type Requested<T> = T & { readonly at: string; readonly by: string | null };

/** What operators asked, in the words in which it is stored. */
export const REQUESTS = {
  paused: "$subscription_paused",
  resumed: "$subscription_resumed",
  redriven: "$redrive_requested",
  cancelled: "$redrive_cancelled",
  skipped: "$dead_letter_skipped",
} as const;

const NONE: ReadonlyMap<string, Skip> = new Map();

/** What operators have asked of all subscriptions, folded from their requests in order. */
export class OrderBook {
  #number = 0;
  #redrive: Redrive | null = null;
  readonly #pauses = new Map<string, Requested<Pause>>();
  readonly #skips = new Map<string, Map<string, Skip>>();

  get number(): number {
    return this.#number;
  }

  get redrive(): Redrive | null {
    return this.#redrive;
  }

  /** Any request, those of a newer deploy included: they count, and change nothing here. */
  add({ sequenceNumber: number, eventType, data, timestamp: at, userId: by }: RecordedEvent): void {
    this.#number = number;
    if (eventType === REQUESTS.paused) {
      const pause = data as Pause;
      this.#pauses.set(pause.subscription, { ...pause, at, by });
    } else if (eventType === REQUESTS.resumed) this.#pauses.delete((data as Pause).subscription);
    else if (eventType === REQUESTS.cancelled) this.#redrive = null;
    else if (eventType === REQUESTS.redriven) {
      const { filter, per_second: perSecond, total } = data as RedriveData;
      this.#redrive = { number, filter, perSecond, total, requestedAt: at, requestedBy: by };
    } else if (eventType === REQUESTS.skipped) this.#skip(number, data as SkipData);
  }

  of(subscription: string): Orders {
    const redrive = this.#redrive;
    const isMeant = redrive !== null && (redrive.filter.subscription ?? subscription) === subscription;
    return {
      number: this.#number,
      pause: this.#pauses.get(subscription),
      redrive: isMeant ? redrive : null,
      skips: this.#skips.get(subscription) ?? NONE,
    };
  }

  #skip(number: number, { subscription, aggregate_type, aggregate_id, from }: SkipData): void {
    const skips = this.#skips.get(subscription) ?? new Map<string, Skip>();
    skips.set(streamKey({ aggregateType: aggregate_type, aggregateId: aggregate_id }), { number, from });
    this.#skips.set(subscription, skips);
  }
}

export type RedriveData = { readonly filter: DeadLetterFilter; readonly per_second: number; readonly total: number };
export type SkipData = {
  readonly subscription: string;
  readonly aggregate_type: string;
  readonly aggregate_id: string;
  readonly from: number;
  readonly reason: string;
};

/** Whether a dead letter is meant; its subscription is for the caller to compare. */
export function matches(filter: DeadLetterFilter, { aggregateType, aggregateId, eventType, error }: Parked): boolean {
  const is = (wanted: string | undefined, found: string) => wanted === undefined || wanted === found;
  return is(filter.aggregate_type, aggregateType) && is(filter.aggregate_id, aggregateId) &&
    is(filter.event_type, eventType) && error.includes(filter.error ?? "");
}

/** Where operators' requests are kept: a stream of the event store's own kind, which no module can have. */
export const REQUEST_STREAM: Stream = { aggregateType: "$operations", aggregateId: "subscriptions" };
