import { type AppendOutcome, type Attempt, type EventStore, type Stream, Unavailable } from "../ports/event_store.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Log } from "../ports/telemetry.ts";
import { advance, type Aggregate, type AggregateLoader, newAggregate, SNAPSHOT_EVERY_EVENTS } from "./aggregate.ts";
import type { CommandOutcome, CommandRequest } from "./command_bus.ts";
import type { CommandMetrics } from "./command_metrics.ts";
import { beginDraft, decideNext, type Decision, type Draft } from "./decide.ts";
import type { KnownCommand } from "./known_commands.ts";
import type { LiveCache } from "./live_cache.ts";

export type CommandBusParts = {
  readonly store: EventStore;
  readonly loader: AggregateLoader;
  readonly cache: LiveCache;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: CommandMetrics;
};

/** A command and whoever waits for its outcome. */
export type Waiting = {
  readonly request: CommandRequest;
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly sinceMs: number;
  readonly resolve: (outcome: CommandOutcome) => void;
  readonly reject: (error: unknown) => void;
};

const MAX_ATTEMPTS = 8;
/** Doubled with each attempt, by chance up to all of it: those who compete for a stream get out of step. */
const FIRST_PAUSE_MS = 8;
/** Where others append, too, a keyed command is not begun later: it may have been sent again, and answered there. */
const KEYED_WITHIN_MS = 10_000;

type Settled = Exclude<Decision, { is: "full" }> | { readonly is: "failed"; readonly error: unknown };
type Batch = readonly [Waiting, ...Waiting[]];

/**
 * Where a command creates, there is most likely nothing yet: an append as version 1 proves that guess, and costs less
 * than a read. What appends nothing is decided again on what is stored.
 */
type Base = { readonly aggregate: Aggregate; readonly from: "cache" | "guess" | "stream" };

/**
 * Decides the first of the commands of one stream one behind the other, as many as fit into one commit, appends their
 * events together, and answers them. Returns how many were answered, at least one. Never throws.
 */
export async function commitTogether(parts: CommandBusParts, key: string, batch: Batch): Promise<number> {
  const keyed = parts.store.attempt === undefined ? undefined : beginAttempt(parts, batch);
  const { served, command } = batch[0].request;
  let mayGuess = served.module.creates.includes(command.type);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS;) {
    try {
      const base = baseInMemory(parts, key, { batch, mayGuess }) ?? await loadBase(parts, batch);
      const proposal = propose(parts, key, { batch, base, keyed });
      const outcome = await proposal.outcome;
      if (outcome !== "conflict") return conclude(parts, key, { batch, proposal, outcome });
      parts.cache.drop(key);
      mayGuess = false;
      if (base.from === "guess") continue;
    } catch (error) {
      parts.cache.drop(key);
      for (const waiting of batch) fail(parts, waiting, error);
      return batch.length;
    }
    parts.metrics.conflict();
    attempt += 1;
    if (parts.store.soleWriter || attempt > MAX_ATTEMPTS) continue;
    await parts.runtime.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 2) * parts.runtime.random());
  }
  for (const waiting of batch) {
    // A conflict would say that a keyed command was not done, and an earlier attempt at it may still succeed.
    answer(parts, waiting, {
      is: keyed === undefined || waiting.request.key === undefined ? "conflict" : "unavailable",
    });
  }
  return batch.length;
}

function beginAttempt({ store }: CommandBusParts, batch: Batch): Attempt | undefined {
  const sinceMs = Math.min(...batch.map(({ request, sinceMs }) => request.key === undefined ? Infinity : sinceMs));
  if (sinceMs === Infinity) return undefined;
  const { served, id } = batch[0].request;
  const stream = { aggregateType: served.module.name, aggregateId: id };
  return store.attempt?.(stream, { deadlineMs: sinceMs + KEYED_WITHIN_MS });
}

function baseInMemory(
  { cache }: CommandBusParts,
  key: string,
  { batch: [{ request }], mayGuess }: { batch: Batch; mayGuess: boolean },
): Base | undefined {
  const cached = cache.get(key);
  if (cached !== undefined) return { aggregate: cached, from: "cache" };
  return mayGuess ? { aggregate: newAggregate(request.served), from: "guess" } : undefined;
}

async function loadBase({ loader }: CommandBusParts, [{ request }]: Batch): Promise<Base> {
  return { aggregate: await loader.load(request.served, request.id), from: "stream" };
}

/** What was decided, and what becomes of it: it rejects with `Unavailable`. */
type Proposal = {
  readonly stream: Stream;
  readonly draft: Draft;
  readonly decisions: readonly Settled[];
  readonly outcome: Promise<AppendOutcome>;
};

function propose(
  parts: CommandBusParts,
  key: string,
  { batch, base, keyed }: { batch: Batch; base: Base; keyed: Attempt | undefined },
): Proposal {
  const { served, id } = batch[0].request;
  const stream = { aggregateType: served.module.name, aggregateId: id };
  const draft = beginDraft(base.aggregate);
  const decisions = decideAll(draft, batch, parts.runtime);
  const { events } = draft;
  const expectedVersion = base.aggregate.version;
  const closing = keyed !== undefined && mustClose(batch, decisions);
  const outcome = events.length === 0
    ? confirm(parts, key, { stream, base, closer: closing ? keyed : undefined })
    : keyed?.append({ expectedVersion, events, closing }) ?? parts.store.append(stream, { expectedVersion, events });
  return { stream, draft, decisions, outcome };
}

/** Answers those that were decided; how many they are. */
function conclude(
  parts: CommandBusParts,
  key: string,
  { batch, proposal: { stream, draft, decisions }, outcome }: {
    batch: Batch;
    proposal: Proposal;
    outcome: Exclude<AppendOutcome, "conflict">;
  },
): number {
  if (outcome === "unknown") parts.cache.drop(key);
  else if (draft.events.length > 0) keep(parts, key, { request: batch[0].request, draft });
  for (let at = 0; at < decisions.length; at++) {
    const [waiting, decision] = [batch[at], decisions[at]];
    if (waiting === undefined || decision === undefined) continue;
    if (outcome === "unknown") answer(parts, waiting, { is: "outcome_unknown" });
    else settle(parts, waiting, { stream, decision });
  }
  return decisions.length;
}

/** Whether the state from which nothing followed is still the stream's. */
async function confirm(
  { store, cache }: CommandBusParts,
  key: string,
  { stream, base: { aggregate, from }, closer }: { stream: Stream; base: Base; closer: Attempt | undefined },
): Promise<AppendOutcome> {
  if (from === "guess") return "conflict";
  if (closer !== undefined && !await closer.close(aggregate.version)) return "conflict";
  if (from === "stream") cache.set(key, aggregate);
  else if (closer === undefined && !store.soleWriter && await store.version(stream) !== aggregate.version) {
    return "conflict";
  }
  return "applied";
}

function decideAll(draft: Draft, batch: Batch, runtime: Runtime): readonly Settled[] {
  const decisions: Settled[] = [];
  for (const { request } of batch) {
    try {
      const decision = decideNext(draft, request, runtime);
      if (decision.is === "full") break;
      decisions.push(decision);
    } catch (error) {
      decisions.push({ is: "failed", error });
    }
  }
  return decisions;
}

/** Whether a key is answered without events of its own, which must not appear later all the same. */
function mustClose(batch: Batch, decisions: readonly Settled[]): boolean {
  return decisions.some((decision, at) => {
    if (batch[at]?.request.key === undefined) return false;
    if (decision.is === "done") return decision.events.length === 0;
    // A known key has its events; a failure says nothing of what was done.
    return decision.is !== "replay" && decision.is !== "key_reused" && decision.is !== "failed";
  });
}

/** Takes an applied draft into the live cache, and a snapshot whenever the stream has passed another hundred events. */
function keep(
  { cache, loader, metrics }: CommandBusParts,
  key: string,
  { request: { served, id }, draft }: { request: CommandRequest; draft: Draft },
): void {
  metrics.appended(draft.events);
  const before = draft.base.version;
  const aggregate: Aggregate = { ...draft.base, state: draft.state };
  for (const event of draft.events) advance(aggregate, event);
  cache.set(key, aggregate);
  const due = Math.floor(before / SNAPSHOT_EVERY_EVENTS) < Math.floor(aggregate.version / SNAPSHOT_EVERY_EVENTS);
  if (due) loader.saveSnapshot(served, id, aggregate);
}

function settle(
  parts: CommandBusParts,
  waiting: Waiting,
  { stream, decision }: { stream: Stream; decision: Settled },
): void {
  if (decision.is === "failed") return fail(parts, waiting, decision.error);
  if (decision.is !== "replay") return answer(parts, waiting, decision);
  parts.metrics.replayed();
  readFirstAnswer(parts.store, stream, decision.known).then(
    (outcome) => answer(parts, waiting, outcome),
    (error) => fail(parts, waiting, error),
  );
}

/** Counts what a command came to, and tells who waits for it. */
export function answer(
  { metrics }: Pick<CommandBusParts, "metrics">,
  { request, sinceMs, resolve }: Waiting,
  outcome: CommandOutcome,
): void {
  metrics.finished(request, sinceMs, outcome.is);
  resolve(outcome);
}

function fail(parts: CommandBusParts, waiting: Waiting, error: unknown): void {
  const { request, sinceMs, reject } = waiting;
  if (error instanceof Unavailable) {
    const fields = { correlation_id: request.correlationId, reason: error.message };
    parts.log.debug("A command was refused: the event store is unavailable", fields);
    return answer(parts, waiting, { is: "unavailable" });
  }
  parts.metrics.finished(request, sinceMs, "failed");
  reject(error);
}

async function readFirstAnswer(
  store: EventStore,
  stream: Stream,
  { first, count }: KnownCommand,
): Promise<CommandOutcome> {
  const events = await store.read(stream, { after: first - 1, limit: count });
  if (events.length < count) throw new Unavailable(`Expected ${count} events from ${first} on, read ${events.length}`);
  return { is: "done", version: first + count - 1, created: first === 1, events, replayed: true };
}
