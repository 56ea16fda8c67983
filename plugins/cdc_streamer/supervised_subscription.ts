import { Subscription } from "../../core/engine/subscription.ts";
import type { SubscriptionParts } from "../../core/engine/subscription_parts.ts";
import type { Subscriber } from "../../core/ports/subscriber.ts";
import type { Child, Life } from "../../core/ports/supervision.ts";
import { type Guard, guardedSubscriber } from "./guarded_subscriber.ts";

export type SupervisedSubscriptionParts = SubscriptionParts & { readonly messages: Guard["messages"] };

type Generation = { readonly subscription: Subscription; life: Life | undefined };

/**
 * A subscription that can be left behind when it hangs. The next run is a new generation; the old one can commit
 * nothing any more, and what it had asked the storage to commit is waited for: it cannot be taken back, and a page that
 * is counted twice while it comes through would be there for good.
 */
export class SupervisedSubscription implements Child {
  readonly name: string;
  readonly #subscriber: Subscriber;
  readonly #parts: SupervisedSubscriptionParts;
  readonly #committing = new Set<Promise<void>>();
  #generation: Generation;

  constructor(subscriber: Subscriber, parts: SupervisedSubscriptionParts) {
    this.name = subscriber.name;
    this.#subscriber = subscriber;
    this.#parts = parts;
    this.#generation = this.#next();
  }

  get current(): Subscription {
    return this.#generation.subscription;
  }

  async run(life: Life): Promise<void> {
    if (this.#generation.life !== undefined) this.#generation = this.#next();
    life.beat();
    await Promise.allSettled(this.#committing);
    if (life.signal.aborted) return;
    const generation = this.#generation;
    generation.life = life;
    try {
      await generation.subscription.run(life);
    } finally {
      generation.life = undefined;
    }
  }

  #next(): Generation {
    const generation: Generation = {
      life: undefined,
      subscription: new Subscription(
        guardedSubscriber(this.#subscriber, {
          beat: () => generation.life?.beat(),
          requireCurrent: () => this.#requireCurrent(generation),
          committing: (commit) => this.#wait(commit),
          messages: this.#parts.messages,
        }),
        this.#parts,
      ),
    };
    return generation;
  }

  #requireCurrent(generation: Generation): void {
    if (this.#generation === generation) return;
    throw new Error(`This run of ${this.name} was taken for hung, and another has taken its place`);
  }

  #wait(commit: Promise<void>): void {
    this.#committing.add(commit);
    const done = () => void this.#committing.delete(commit);
    commit.then(done, done);
  }
}
