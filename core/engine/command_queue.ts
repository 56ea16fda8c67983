import { streamKey, Unavailable } from "../ports/event_store.ts";
import type { CommandBus, CommandOutcome, CommandRequest } from "./command_bus.ts";
import { type CommandBusParts, commitTogether } from "./commit.ts";
import { jsonSize } from "./json_size.ts";

const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 64_000_000;
const MAX_WAITING_PER_STREAM = 1_000;
const MAX_DECIDED_TOGETHER = 100;
const MAX_ATTEMPTS = 5;

type Waiting = {
  readonly request: CommandRequest;
  readonly bytes: number;
  readonly resolve: (outcome: CommandOutcome | Promise<CommandOutcome>) => void;
};

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

  async execute(request: CommandRequest): Promise<CommandOutcome> {
    const done = this.#parts.metrics.begin(request.served.module.name, request.command.type);
    try {
      const outcome = await new Promise<CommandOutcome>((resolve) =>
        this.#enqueue({ request, bytes: jsonSize(request.command), resolve })
      );
      done(outcome);
      return outcome;
    } catch (error) {
      done({ is: "failed" });
      throw error;
    }
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
    if (isFull) return entry.resolve({ is: "overloaded" });
    this.#count(entry, 1);
    if (queue !== undefined) {
      queue.push(entry);
      return;
    }
    const fresh = [entry];
    this.#queues.set(key, fresh);
    this.#drain(key, fresh);
  }

  #count({ bytes }: Waiting, change: 1 | -1): void {
    this.#waiting += change;
    this.#waitingBytes += change * bytes;
  }

  async #drain(key: string, queue: Waiting[]): Promise<void> {
    for (;;) {
      const [first, ...others] = queue.splice(0, MAX_DECIDED_TOGETHER);
      if (first === undefined) break;
      const batch = [first, ...others] as const;
      const left = await executeTogether(this.#parts, key, batch);
      for (const entry of batch.slice(0, batch.length - left.length)) this.#count(entry, -1);
      queue.unshift(...left);
    }
    this.#queues.delete(key);
    if (this.#queues.size === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }
}

/** Answers the first of the waiting commands, as many as fit one commit, and returns the others. Never throws. */
async function executeTogether(
  parts: CommandBusParts,
  key: string,
  batch: readonly [Waiting, ...Waiting[]],
): Promise<readonly Waiting[]> {
  const [first, ...others] = batch;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      const commit = await commitTogether(parts, key, [first.request, ...others.map((entry) => entry.request)]);
      if (commit !== "conflict") {
        for (const [at, outcome] of commit.entries()) batch[at]?.resolve(refuseWhenUnavailable(parts, outcome()));
        return batch.slice(commit.length);
      }
    } catch (error) {
      parts.cache.drop(key);
      const refusal = refuseWhenUnavailable(parts, Promise.reject(error));
      for (const entry of batch) entry.resolve(refusal);
      return [];
    }
    parts.cache.drop(key);
    parts.metrics.conflict();
  }
  for (const entry of batch) entry.resolve({ is: "conflict" });
  return [];
}

async function refuseWhenUnavailable(
  parts: CommandBusParts,
  outcome: Promise<CommandOutcome>,
): Promise<CommandOutcome> {
  try {
    return await outcome;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    parts.log.debug("A command was refused: the event store is unavailable", { reason: error.message });
    return { is: "unavailable" };
  }
}
