import { type EventStore, type Stream, Unavailable } from "../ports/event_store.ts";
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

/** The outcomes of the first requests, as many as fit into one commit, or that the stream had moved meanwhile. */
export type Commit = "conflict" | readonly (() => Promise<CommandOutcome>)[];

type Settled = Exclude<Decision, { is: "full" }> | { readonly is: "failed"; readonly error: unknown };

/**
 * Decides the requests of one stream one behind the other and appends their events together. Each outcome is a
 * function because a replay's is read from the stream. Throws `Unavailable`.
 */
export async function commitTogether(
  parts: CommandBusParts,
  key: string,
  requests: readonly [CommandRequest, ...CommandRequest[]],
): Promise<Commit> {
  const [{ served, id, isFresh = false }] = requests;
  const cached = parts.cache.get(key);
  if (cached !== undefined) return await commitOn(parts, key, { requests, aggregate: cached, from: "cache" });
  if (isFresh) {
    const commit = await commitOn(parts, key, { requests, aggregate: newAggregate(served), from: "guess" });
    if (commit !== "conflict") return commit;
  }
  return await commitOn(parts, key, { requests, aggregate: await parts.loader.load(served, id), from: "stream" });
}

type Base = {
  readonly requests: readonly [CommandRequest, ...CommandRequest[]];
  readonly aggregate: Aggregate;
  /** Under a fresh id there should be nothing: an append as version 1 proves it, at less cost than a read. */
  readonly from: "cache" | "guess" | "stream";
};

async function commitOn(parts: CommandBusParts, key: string, { requests, aggregate, from }: Base): Promise<Commit> {
  const [{ served, id }] = requests;
  const stream = { aggregateType: served.module.name, aggregateId: id };
  const draft = beginDraft(aggregate);
  const decisions = decideAll(draft, requests, parts.runtime);
  if (draft.events.length === 0) {
    if (from === "guess") return "conflict";
    const stale = from === "cache" && !parts.store.soleWriter &&
      await parts.store.version(stream) !== aggregate.version;
    if (stale) return "conflict";
    if (from === "stream") parts.cache.set(key, aggregate);
  } else {
    const { events } = draft;
    const outcome = await parts.store.append(stream, { expectedVersion: aggregate.version, events });
    if (outcome === "conflict") return "conflict";
    if (outcome === "unknown") {
      parts.cache.drop(key);
      return decisions.map(() => () => Promise.resolve({ is: "outcome_unknown" }));
    }
    parts.metrics.appended(events);
    keep(parts, key, { request: requests[0], draft });
  }
  return decisions.map((decision) => () => outcomeOf(parts, stream, decision));
}

function decideAll(draft: Draft, requests: readonly CommandRequest[], runtime: Runtime): readonly Settled[] {
  const decisions: Settled[] = [];
  for (const request of requests) {
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

/** Takes an applied draft into the live cache, and a snapshot whenever the stream has passed another hundred events. */
function keep(
  { cache, loader }: CommandBusParts,
  key: string,
  { request: { served, id }, draft }: { request: CommandRequest; draft: Draft },
): void {
  const before = draft.base.version;
  const aggregate: Aggregate = { ...draft.base, state: draft.state };
  for (const event of draft.events) advance(aggregate, event);
  cache.set(key, aggregate);
  const due = Math.floor(before / SNAPSHOT_EVERY_EVENTS) < Math.floor(aggregate.version / SNAPSHOT_EVERY_EVENTS);
  if (due) loader.saveSnapshot(served, id, aggregate);
}

async function outcomeOf(parts: CommandBusParts, stream: Stream, decision: Settled): Promise<CommandOutcome> {
  if (decision.is === "failed") throw decision.error;
  if (decision.is !== "replay") return decision;
  parts.metrics.replayed();
  return await readFirstAnswer(parts.store, stream, decision.known);
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
