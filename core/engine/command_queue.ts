import { streamKey } from "../ports/event_store.ts";
import type { CommandBus, CommandOutcome, CommandRequest } from "./command_bus.ts";
import { answer, type CommandBusParts, commitTogether, type Waiting } from "./commit.ts";
import { jsonSize } from "./json_size.ts";

const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 64_000_000;
const MAX_WAITING_PER_STREAM = 1_000;
const MAX_DECIDED_TOGETHER = 100;

/**
 * The command bus of one process. Commands for one stream wait in a queue; those found waiting together are decided
 * one behind the other and appended as one commit, so a process never conflicts with itself. Nothing is answered
 * before what it rests on is durable.
 */
export class CommandQueue implements CommandBus {
  readonly #parts: CommandBusParts;
  readonly #queues = new Map<string, Waiting[]>();
  #waiting = 0;
  #waitingBytes = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(parts: CommandBusParts) {
    this.#parts = parts;
  }

  execute(request: CommandRequest): Promise<CommandOutcome> {
    const sinceMs = this.#parts.runtime.turnMs();
    return new Promise((resolve, reject) => {
      this.#enqueue({ request, bytes: jsonSize(request.command), sinceMs, resolve, reject });
    });
  }

  /** Resolves when every command taken so far is answered. */
  async whenIdle(): Promise<void> {
    if (this.#queues.size > 0) await (this.#idle ??= Promise.withResolvers()).promise;
  }

  #enqueue(entry: Waiting): void {
    const { served, id } = entry.request;
    const key = streamKey({ aggregateType: served.module.name, aggregateId: id });
    const queue = this.#queues.get(key);
    const isFull = this.#waiting >= MAX_WAITING || this.#waitingBytes + entry.bytes > MAX_WAITING_BYTES ||
      (queue?.length ?? 0) >= MAX_WAITING_PER_STREAM;
    if (isFull) return answer(this.#parts, entry, { is: "overloaded" });
    this.#waiting += 1;
    this.#waitingBytes += entry.bytes;
    if (queue !== undefined) {
      queue.push(entry);
      return;
    }
    const fresh = [entry];
    this.#queues.set(key, fresh);
    void this.#drain(key, fresh);
  }

  async #drain(key: string, queue: Waiting[]): Promise<void> {
    for (let [first, ...others] = queue; first !== undefined; [first, ...others] = queue) {
      const batch = [first, ...others.slice(0, MAX_DECIDED_TOGETHER - 1)] as const;
      const answered = await commitTogether(this.#parts, key, batch);
      this.#waiting -= answered;
      for (const { bytes } of queue.splice(0, answered)) this.#waitingBytes -= bytes;
    }
    this.#queues.delete(key);
    if (this.#queues.size === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }
}
