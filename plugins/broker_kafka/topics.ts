import { aborted } from "../../core/engine/aborted.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { KafkaClient, TopicSettings } from "./kafka_client.ts";
import { KafkaError } from "./kafka_error.ts";

/** What an operator is told beside what the client says. */
const ADVICE = "check REDPANDA_BROKERS, and that a broker runs there; commands go on, and events wait for it";

export type TopicsParts = {
  readonly client: Pick<KafkaClient, "ensureTopics">;
  readonly names: readonly string[];
  readonly settings: TopicSettings;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
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

  /**
   * A broker that does not answer is waited for afterwards. Throws a `StartError` for what an operator must mend, and
   * the signal's reason as soon as it aborts.
   */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await Promise.race([this.#ensure(), aborted(signal)]);
      signal.throwIfAborted();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.kind === "denied") throw new StartError(`Cannot use the broker: ${error.message}`, { cause: error });
      const { log, branch } = this.#parts;
      log.warn("The broker does not answer; events are published once it does", { reason: error.message });
      const run = (life: Life) => this.#tryOn(life);
      this.#trying = branch.start({ name: "topics", run, mayEnd: true, until: this.#stopping.signal });
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
      const reason = error instanceof Error ? error.message : String(error);
      this.#trouble = error instanceof KafkaError && error.kind === "away" ? `${reason}; ${ADVICE}` : reason;
      throw error;
    }
  }

  async #tryOn({ signal, beat }: Life): Promise<void> {
    const { runtime, log } = this.#parts;
    // What hangs is not waited for by the next try.
    signal.addEventListener("abort", () => this.#ensuring = undefined, { once: true });
    let said: string | undefined;
    for (let failures = 1; !signal.aborted && !this.#isThere; failures++) {
      beat();
      await runtime.sleep(backoffMs(failures, runtime), { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.#ensure();
      } catch (error) {
        if (error instanceof KafkaError) continue;
        if (!(error instanceof StartError)) throw error;
        if (said !== error.message) log.error(error.message);
        said = error.message;
      }
    }
  }
}

/** A key would move to another partition, and its later events could overtake the earlier ones. */
function wrongCount(topic: string, { partitions, found }: { partitions: number; found: number }): string {
  const advice = `set KAFKA_PARTITIONS=${found}, or delete the topic and republish`;
  return `Cannot publish to ${topic}: expected ${partitions} partitions, found ${found}; ${advice}`;
}
