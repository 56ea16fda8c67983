import { manyRef } from "./plugin.ts";

/**
 * A published event: a CloudEvent in the binary mode of Kafka's binding. Attributes are headers named `ce_...`, an
 * attribute that is null has none, and messages of one key keep their order.
 */
export type TopicMessage = {
  /** The aggregate's id. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The event's own fields as JSON. */
  readonly value: string;
};

/** `id` names the place right after the message; it is opaque, and two readers may get two ids for one message. */
export type TopicEntry = { readonly id: string; readonly message: TopicMessage };

/** Where a reader begins: behind an entry, at the first message kept, or with whatever is published from now on. */
export type TopicStart = { readonly after: string } | "beginning" | "now";

/** Tells what was published: every message at least once, those of one key in order. */
export type Broker = {
  /**
   * Resolves once the place is found: what is published later will be told. Batches are never empty, are made when
   * asked for, and go on until the signal aborts, through outages of whatever stands behind. Throws `InvalidPlace`
   * for an id that is none of this topic's, and `Unavailable`.
   */
  tail(
    topic: string,
    options: { readonly start: TopicStart; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<readonly TopicEntry[]>>;
};

/** At most one: a service without a broker has no topics. */
export const brokerRef = manyRef<Broker>("broker");

/**
 * What became of a message: `durable` on all replicas in sync; `refused` for good, so that sending it again is of no
 * use; `held_back` and not sent, because an earlier one of its key was refused.
 */
export type SendOutcome =
  | { readonly is: "durable" | "held_back" }
  | { readonly is: "refused"; readonly reason: string };

/** Stores messages in topics: each at least once, those of one key in the order in which they were given. */
export type Sender = {
  /**
   * An outcome for each message, in their order. Throws `Unavailable` when nothing definite is known: any of them may
   * have been stored, or may be later. Who sends all of them again before others of their keys keeps their order.
   */
  send(topic: string, messages: readonly TopicMessage[]): Promise<readonly SendOutcome[]>;
};

/** At most one: without it nothing is stored twice. */
export const senderRef = manyRef<Sender>("sender");

export class InvalidPlace extends Error {
  override readonly name = "InvalidPlace";
}
