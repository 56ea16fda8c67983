import { backoffMs } from "../../core/engine/retry.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { KafkaClient, TopicSettings } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";

export type TopicsParts = {
  readonly client: Pick<KafkaClient, "ensureTopics">;
  readonly names: readonly string[];
  readonly settings: TopicSettings;
  readonly runtime: Runtime;
  readonly log: Log;
};

/** Sees that the topics are there, with the partitions they were configured with. */
export class Topics {
  readonly #parts: TopicsParts;
  readonly #stopping = new AbortController();
  #ensuring: Promise<void> | undefined;
  #isThere = false;
  #trouble: string | undefined;
  #trying: Promise<void> | undefined;

  constructor(parts: TopicsParts) {
    this.#parts = parts;
  }

  /** Why the topics cannot be used just now, as far as is known. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** A broker that does not answer is waited for afterwards. Throws a `StartError` for what an operator must mend. */
  async start(): Promise<void> {
    try {
      await this.#ensure();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.kind === "denied") throw new StartError(`Cannot use the broker: ${error.message}`, { cause: error });
      this.#parts.log.warn("The broker does not answer; events are published once it does", { reason: error.message });
      this.#trying = this.#tryOn();
    }
  }

  /** Resolves once the topics are there. Throws `Unavailable`. */
  async require(): Promise<void> {
    if (this.#isThere) return;
    try {
      await this.#ensure();
    } catch (error) {
      throw new Unavailable(error instanceof Error ? error.message : String(error));
    }
  }

  /** One of them was not found: they are looked for again, and made. */
  forget(): void {
    this.#isThere = false;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#trying;
  }

  #ensure(): Promise<void> {
    return this.#ensuring ??= this.#ensureOnce().finally(() => this.#ensuring = undefined);
  }

  async #ensureOnce(): Promise<void> {
    const { client, names, settings: { partitions }, log } = this.#parts;
    try {
      const counts = await client.ensureTopics(names, this.#parts.settings);
      for (const [topic, found] of counts) {
        if (found !== partitions) throw new StartError(wrongCount(topic, { partitions, found }));
      }
      if (this.#trouble !== undefined) log.info("The broker answers, and all topics are there");
      this.#isThere = true;
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  async #tryOn(): Promise<void> {
    const { runtime, log } = this.#parts;
    const { signal } = this.#stopping;
    for (let failures = 1; !signal.aborted && !this.#isThere; failures++) {
      await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#ensure().catch((error: unknown) => {
        if (error instanceof StartError && failures === 1) log.error(error.message);
      });
    }
  }
}

/** A key would move to another partition, and its later events could overtake the earlier ones. */
function wrongCount(topic: string, { partitions, found }: { partitions: number; found: number }): string {
  const advice = `set KAFKA_PARTITIONS=${found}, or delete the topic and republish`;
  return `Cannot publish to ${topic}: expected ${partitions} partitions, found ${found}; ${advice}`;
}
