import { z } from "zod";
import type { Rejection } from "../model/decider.ts";
import type { Fields, Json, Message, MessageOf } from "../model/message.ts";
import type { Module } from "../model/module.ts";
import type { Projection } from "../model/projection.ts";
import { createRegistry, parseCommand, type Served } from "../engine/registry.ts";
import { expectPlainJson, expectSame, freeze, show, SpecificationError, twice } from "./comparison.ts";
import { type ProjectionSpecification, specifyProjection } from "./projection.ts";
import { type Given, parseGiven, placeEvents, type Stage } from "./stage.ts";

export type CommandOf<M extends Module> = MessageOf<M["commands"]>;
export type EventOf<M extends Module> = MessageOf<M["events"]>;
type CodeOf<M extends Module> = keyof M["rejections"] & string;
type StateOf<M extends Module> = z.output<M["state"]>;

export type Specification<M extends Module> = {
  /** The stream so far. An event stands at `now` unless it is given as `{ event, at }`. */
  given(...events: readonly Given<EventOf<M>>[]): Past<M>;
  /** The same as `given()` without events: on an aggregate that does not exist. */
  when(command: CommandOf<M>): Outcome<M>;
  /** The documents of one of the module's projections. */
  project<P extends Projection>(projection: P): ProjectionSpecification<P>;
};

export type Past<M extends Module> = {
  when(command: CommandOf<M>): Outcome<M>;
  /** What a GET shows, without `id` and `version`. */
  thenShows(state: Fields): void;
  readonly state: StateOf<M>;
};

export type Outcome<M extends Module> = {
  /** Exactly these events. */
  then(...events: readonly [EventOf<M>, ...EventOf<M>[]]): void;
  /** No event, as what was asked is already so. */
  thenNothing(): void;
  /** A refusal by the rules; its detail is compared when one is given. */
  thenRejected(code: CodeOf<M>, detail?: Json): void;
  /** A refusal by the command's schema, at exactly these JSON pointers. */
  thenInvalid(...pointers: readonly string[]): void;
  /** What the decider answered, for a test that goes on with it; throws for a command its schema refuses. */
  readonly decision: readonly EventOf<M>[] | Rejection<CodeOf<M>>;
};

/**
 * Specifies a module by example: given events, when a command, then events or a rejection. Commands and events are
 * parsed by the module's strict schemas and every state is checked against its own, as in the service. Also checked on
 * the way: `decide` and `evolve` change nothing they are given and answer the same twice, `evolve` passes over unknown
 * events, and decided events are plain JSON as declared. Throws a `SpecificationError`.
 */
export function specification<M extends Module>(
  module: M,
  { id = module.id === "uuid" ? DEFAULT_UUID : "specified", now = DEFAULT_NOW }: { id?: string; now?: string } = {},
): Specification<M> {
  const stage: Stage = { served: serve(module), id, now };
  const given: Specification<M>["given"] = (...events) => past(stage, events);
  return {
    given,
    when: (command) => given().when(command),
    project: (projection) => specifyProjection(stage, projection),
  };
}

const DEFAULT_UUID = "0199e5c0-0000-7000-8000-000000000001";
const DEFAULT_NOW = "2026-01-01T12:00:00.000Z";

function serve(module: Module): Served {
  const location = `module ${module.name}`;
  const [served] = createRegistry([{ module, location, fingerprint: location }]).modules;
  if (served === undefined) throw new SpecificationError(`Cannot specify the ${location}: it is not served`);
  return served;
}

/** The engine knows messages by their schemas only; here their types, declared by the same schemas, come back. */
function past<M extends Module>(stage: Stage, given: readonly Given<Message>[]): Past<M> {
  const { served: { module } } = stage;
  const state = foldAll(stage, module.decider.initialState, given);
  return {
    state: state as StateOf<M>,
    when: (command) => outcome<M>(command, decide(stage, { state, command, past: given.length })),
    thenShows(expected) {
      expectSame("The state shown", present(module, state), expected);
    },
  };
}

function present(module: Module, state: Fields): Fields {
  return module.present === undefined ? state : twice("present", () => module.present?.(state) ?? {});
}

type Decided =
  | { readonly is: "invalid"; readonly issues: readonly z.core.$ZodIssue[] }
  | { readonly is: "rejected"; readonly rejection: Rejection }
  | { readonly is: "events"; readonly events: readonly Message[] };

function decide(
  stage: Stage,
  { state, command, past }: { readonly state: Fields; readonly command: Message; readonly past: number },
): Decided {
  const { served, id, now } = stage;
  const parsed = parseCommand(served, command);
  if (parsed.is === "unknown_command") throw new SpecificationError(`No such command: "${command.type}"`);
  if (parsed.is === "invalid") return parsed;
  freeze(parsed.command);
  const decision = twice(
    `decide of ${command.type}`,
    () => served.module.decider.decide(parsed.command, state, { id, now, newId: countedIds() }),
  );
  if ("rejected" in decision) return { is: "rejected", rejection: decision };
  for (const event of decision) expectPlainJson(`${event.type}, decided by ${command.type}`, event);
  foldAll(stage, state, decision, past);
  return { is: "events", events: decision };
}

function outcome<M extends Module>({ type }: Message, decided: Decided): Outcome<M> {
  const expectEvents = (expected: readonly Message[]) => {
    if (decided.is !== "events") throw unexpected(type, `the events ${show(expected)}`, decided);
    expectSame(`The events of ${type}`, decided.events, expected);
  };
  return {
    then: (...expected) => expectEvents(expected),
    thenNothing: () => expectEvents([]),
    thenRejected(code, detail) {
      if (decided.is !== "rejected" || decided.rejection.rejected !== code) {
        throw unexpected(type, `the rejection ${code}`, decided);
      }
      if (detail !== undefined) expectSame(`The detail of ${code}`, decided.rejection.detail, detail);
    },
    thenInvalid(...pointers) {
      if (decided.is !== "invalid") {
        throw unexpected(type, `its schema to refuse it at ${pointers.join(", ")}`, decided);
      }
      const found = new Set(decided.issues.map(({ path }) => path.map((step) => `/${String(step)}`).join("")));
      expectSame(`Where the schema refuses ${type}`, [...found].sort(), [...pointers].sort());
    },
    get decision() {
      if (decided.is === "invalid") throw unexpected(type, "a decision", decided);
      return (decided.is === "rejected" ? decided.rejection : decided.events) as Outcome<M>["decision"];
    },
  };
}

function unexpected(type: string, expected: string, decided: Decided): SpecificationError {
  return new SpecificationError(`${type}: expected ${expected}, found ${describe(decided)}`);
}

function describe(decided: Decided): string {
  if (decided.is === "events") return decided.events.length === 0 ? "no events" : `the events ${show(decided.events)}`;
  if (decided.is === "invalid") return `its schema to refuse it: ${z.prettifyError(decided)}`;
  const { rejected, detail } = decided.rejection;
  return `the rejection ${rejected}${detail === undefined ? "" : ` with ${show(detail)}`}`;
}

/** Folds events behind `past` others, as the service does, but checks each step. */
function foldAll(stage: Stage, start: Fields, given: readonly Given<Message>[], past = 0): Fields {
  const { module } = stage.served;
  const source = { aggregateType: module.name, aggregateId: stage.id, sequenceNumber: past, timestamp: stage.now };
  let state = checkState(module, "The initial state", start);
  for (const { event, ...placed } of placeEvents(stage, given)) {
    const at = { ...source, ...placed, sequenceNumber: past + placed.sequenceNumber };
    const evolved = twice(`evolve of ${event.type}`, () => module.decider.evolve(state, event, freeze(at)));
    state = checkState(module, `The state after ${event.type}`, evolved);
  }
  const unknown = module.decider.evolve(state, { type: "EventOfANewerDeploy" }, source);
  expectSame("The state after an unknown event", unknown, state);
  return state;
}

function checkState(module: Module, what: string, state: Fields): Fields {
  expectPlainJson(what, state);
  parseGiven(what, module.state, state);
  return freeze(state);
}

function countedIds(): () => string {
  let made = 0;
  return () => `0199e5c0-0000-7000-9000-${String(made += 1).padStart(12, "0")}`;
}
