import type { Message } from "../model/message.ts";
import { ANONYMOUS } from "../ports/authenticator.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type Aggregate, evolve } from "./aggregate.ts";
import type { CommandOutcome, CommandRequest, Precondition } from "./command_bus.ts";
import { jsonSize } from "./json_size.ts";
import { type CommandIdentity, identifyCommand, type KnownCommand } from "./known_commands.ts";
import { asStored } from "./plain_json.ts";
import { parseEvent } from "./registry.ts";

export const MAX_EVENTS_PER_COMMIT = 100;
export const MAX_BYTES_PER_COMMIT = 512 * 1024;

/** Answers of commands decided one after the other on one aggregate, and the events that make them true. */
export type Draft = {
  readonly base: Aggregate;
  state: Aggregate["state"];
  version: number;
  timestamp: string;
  bytes: number;
  readonly events: RecordedEvent[];
  /** Keyed commands of this very draft: a twin of one gets its answer. */
  keyed: Map<string, KnownCommand> | undefined;
};

/** `replay`: the command was taken before, as these events. `full`: it does not fit behind what is in the draft. */
export type Decision = CommandOutcome | { readonly is: "replay"; readonly known: KnownCommand } | {
  readonly is: "full";
};

export function beginDraft(base: Aggregate): Draft {
  const { state, version, timestamp } = base;
  return { base, state, version, timestamp, bytes: 0, events: [], keyed: undefined };
}

/**
 * Decides one command behind those already in the draft: may they, was it done before, does the precondition hold, and
 * what do the rules say. Throws what a module's own code throws; the draft is then as it was.
 */
export function decideNext(draft: Draft, request: CommandRequest, runtime: Runtime): Decision {
  const { served: { module }, command, principal, key, precondition } = request;
  // Nothing has checked the types of a module: what is not true itself, like a promise, lets nobody in.
  if (module.allow !== undefined && module.allow(principal, command, draft.state) !== true) return { is: "forbidden" };
  const identity = key === undefined ? undefined : identifyCommand(principal, key, command);
  if (identity !== undefined) {
    const known = draft.keyed?.get(identity.commandId) ?? draft.base.known.find(identity.commandId);
    if (known !== undefined) {
      return known.hash === identity.commandHash ? { is: "replay", known } : { is: "key_reused" };
    }
  }
  if (precondition !== undefined && !holds(precondition, draft.version)) {
    return { is: "precondition_failed", version: draft.version };
  }
  const now = laterOf(draft.timestamp, momentOf(runtime.now()));
  const decided = module.decider.decide(command, draft.state, { id: request.id, now, newId: runtime.newId });
  if ("rejected" in decided) return { is: "rejected", rejection: decided };
  return take(draft, { request, identity, now, messages: decided, newId: runtime.newId });
}

type Decided = {
  readonly request: CommandRequest;
  readonly identity: CommandIdentity | undefined;
  readonly now: string;
  readonly messages: readonly Message[];
  readonly newId: () => string;
};

function take(draft: Draft, { request, identity, now, messages, newId }: Decided): Decision {
  const { served } = request;
  let { state } = draft;
  let bytes = 0;
  const events = messages.map((message, at): RecordedEvent => {
    const event = record(request, asStored(parseEvent(served, message)), {
      sequenceNumber: draft.version + at + 1,
      eventId: newId(),
      identity,
      now,
    });
    state = evolve(served, state, event);
    bytes += jsonSize(event.data);
    return event;
  });
  if (events.length > MAX_EVENTS_PER_COMMIT || bytes > MAX_BYTES_PER_COMMIT) {
    return { is: "too_large", detail: `The command makes ${events.length} events of about ${bytes} bytes` };
  }
  if (draft.events.length + events.length > MAX_EVENTS_PER_COMMIT || draft.bytes + bytes > MAX_BYTES_PER_COMMIT) {
    return { is: "full" };
  }
  const first = draft.version + 1;
  draft.events.push(...events);
  draft.bytes += bytes;
  if (events.length > 0) {
    draft.state = state;
    draft.version += events.length;
    draft.timestamp = now;
    if (identity !== undefined) {
      draft.keyed ??= new Map();
      draft.keyed.set(identity.commandId, { hash: identity.commandHash, first, count: events.length });
    }
  }
  return {
    is: "done",
    version: draft.version,
    created: first === 1 && events.length > 0,
    events,
    replayed: false,
  };
}

function record(
  { served, id, principal, correlationId, causationId, traceparent }: CommandRequest,
  { type, ...data }: Message,
  { sequenceNumber, eventId, identity, now }: {
    sequenceNumber: number;
    eventId: string;
    identity: CommandIdentity | undefined;
    now: string;
  },
): RecordedEvent {
  return {
    aggregateType: served.module.name,
    aggregateId: id,
    sequenceNumber,
    eventId,
    eventType: type,
    eventVersion: 1,
    data,
    timestamp: now,
    commandId: identity?.commandId ?? null,
    commandHash: identity?.commandHash ?? null,
    causationId,
    correlationId,
    userId: principal.sub === ANONYMOUS.sub ? null : principal.sub,
    metadata: traceparent === undefined ? null : { traceparent },
  };
}

function holds(precondition: Precondition, version: number): boolean {
  if (precondition === "missing") return version === 0;
  if (precondition === "exists") return version > 0;
  return version === precondition.version;
}

let toldMs = NaN;
let told = "";

/** The text of a moment; it is made once for all commands of one millisecond. */
function momentOf(ms: number): string {
  if (ms !== toldMs) {
    told = new Date(ms).toISOString();
    toldMs = ms;
  }
  return told;
}

/** ISO moments of one form compare as text. */
function laterOf(left: string, right: string): string {
  return left > right ? left : right;
}
