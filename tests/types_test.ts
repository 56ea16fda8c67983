/**
 * What must not compile: each line under `@ts-expect-error` stands beside a compiling twin that differs in one word. A
 * fault that starts to compile makes that comment an error of `deno check` and `deno test`.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Decider, defineModule, defineProjection, type MessageOf, reject } from "annals";
import { specification } from "annals/testing";
import { z } from "zod";
import { definePlugin, manyRef, ref } from "../core/ports/plugin.ts";

const commands = { Switch: z.strictObject({ on: z.boolean() }) };
const events = { Switched: z.strictObject({ on: z.boolean() }), Broken: z.strictObject({ why: z.string() }) };
const rejections = { broken: "The lamp is broken" };
const state = z.strictObject({ status: z.enum(["Off", "On"]) });
const off = { status: "Off" } as const;

type Command = MessageOf<typeof commands>;
type Event = MessageOf<typeof events>;
type Lamp = Decider<Command, Event, z.output<typeof state>, "broken">;
type Decide = Lamp["decide"];

const decider: Lamp = { initialState: off, decide: () => [], evolve: (state) => state };
const declared = { name: "lamp", path: "lamps", id: "text", commands, events, rejections, state, decider } as const;

/** The decider as modules write it, in a file of its own; beside it stands what `defineModule` itself infers. */
function decides(decide: Decide): Decide {
  return decide;
}

describe("In a module", () => {
  it("an undeclared event does not compile", () => {
    decides(() => [{ type: "Switched", on: true }]);
    // @ts-expect-error: no event of that name
    decides(() => [{ type: "Dimmed", on: true }]);
    defineModule({ ...declared, creates: [], decider: { ...decider, decide: () => [{ type: "Switched", on: true }] } });
    // @ts-expect-error: no event of that name
    defineModule({ ...declared, creates: [], decider: { ...decider, decide: () => [{ type: "Dimmed", on: true }] } });
  });
  it("an event's field of another type does not compile", () => {
    decides(() => [{ type: "Switched", on: true }]);
    // @ts-expect-error: on is a boolean
    decides(() => [{ type: "Switched", on: 1 }]);
  });
  it("an undeclared rejection code does not compile", () => {
    decides(() => reject("broken"));
    // @ts-expect-error: no code of that name
    decides(() => reject("stolen"));
    defineModule({ ...declared, creates: [], decider: { ...decider, decide: () => reject("broken") } });
    // @ts-expect-error: no code of that name
    defineModule({ ...declared, creates: [], decider: { ...decider, decide: () => reject("stolen") } });
  });
  it("a state outside its schema does not compile", () => {
    const evolves: Lamp["evolve"][] = [];
    evolves.push(() => ({ status: "On" }));
    // @ts-expect-error: no status of that name
    evolves.push(() => ({ status: "Dim" }));
    defineModule({ ...declared, creates: [], decider: { ...decider, evolve: () => ({ status: off.status }) } });
    // @ts-expect-error: the state has no such field
    defineModule({ ...declared, creates: [], decider: { ...decider, evolve: () => ({ colour: off.status }) } });
  });
  it("a creates-entry that is no command does not compile", () => {
    defineModule({ ...declared, creates: ["Switch"] });
    // @ts-expect-error: no command of that name
    defineModule({ ...declared, creates: ["Switched"] });
  });
  it("presenting a field the state does not have does not compile", () => {
    defineModule({ ...declared, creates: [], present: (state) => ({ shown: state.status }) });
    // @ts-expect-error: the state has no such field
    defineModule({ ...declared, creates: [], present: (state) => ({ shown: state.colour }) });
  });
  it("presenting what its schema does not say does not compile", () => {
    const presented = z.strictObject({ shown: z.string() });
    defineModule({ ...declared, creates: [], presented, present: (state) => ({ shown: state.status }) });
    // @ts-expect-error: shown is text
    defineModule({ ...declared, creates: [], presented, present: (state) => ({ shown: state }) });
  });
});

describe("In a publication", () => {
  it("a field the event does not have does not compile", () => {
    defineModule({ ...declared, creates: [], publish: (event) => event.type === "Broken" ? undefined : event });
    // @ts-expect-error: no event of that name
    defineModule({ ...declared, creates: [], publish: (event) => event.type === "Dimmed" ? undefined : event });
  });
  it("a public event without a type does not compile", () => {
    defineModule({ ...declared, creates: [], publish: () => ({ type: "LampSwitched" }) });
    // @ts-expect-error: the type is missing
    defineModule({ ...declared, creates: [], publish: () => ({ kind: "LampSwitched" }) });
  });
});

const document = z.strictObject({ switched: z.int(), last: z.string() });
const usage = { name: "lamp_usage", version: 1, events, document } as const;

describe("In a projection", () => {
  it("a wrong document does not compile", () => {
    defineProjection({ ...usage, on: { Switched: () => ({ switched: 1, last: "" }) } });
    // @ts-expect-error: last is text
    defineProjection({ ...usage, on: { Switched: () => ({ switched: 1, last: 0 }) } });
    // @ts-expect-error: last is missing
    defineProjection({ ...usage, on: { Switched: () => ({ switched: 1 }) } });
  });
  it("a handler of an undeclared event does not compile", () => {
    defineProjection({ ...usage, on: { Switched: () => undefined } });
    // @ts-expect-error: no event of that name
    defineProjection({ ...usage, on: { Dimmed: () => undefined } });
  });
  it("another event's field does not compile", () => {
    defineProjection({ ...usage, on: { Broken: (_, event) => ({ switched: 1, last: event.why }) } });
    // @ts-expect-error: Switched has no such field
    defineProjection({ ...usage, on: { Switched: (_, event) => ({ switched: 1, last: event.why }) } });
  });
  it("an index on a field that does not exist does not compile", () => {
    defineProjection({ ...usage, on: {}, indexes: { lamps_by_last: { by: "last", newestFirstBy: "last" } } });
    // @ts-expect-error: the document has no such field
    defineProjection({ ...usage, on: {}, indexes: { lamps_by_last: { by: "first", newestFirstBy: "last" } } });
    // @ts-expect-error: the document has no such field
    defineProjection({ ...usage, on: {}, indexes: { lamps_by_last: { by: "last", newestFirstBy: "first" } } });
  });
});

type Clock = { readonly now: () => number };
const clockRef = ref<Clock>("clock");
const sinkRef = manyRef<Clock>("sink");
const plain = { name: "plugin", config: z.strictObject({ PORT: z.string() }) };
const running = { services: {} };
const clock = { now: () => 0 };

describe("In a plugin", () => {
  const nothing = { ...plain, provides: {}, requires: {} };
  it("providing a service of another type does not compile", () => {
    const providing = { ...plain, provides: { clock: clockRef }, requires: {} };
    definePlugin({ ...providing, start: () => Promise.resolve({ services: { clock: { now: () => 0 } } }) });
    // @ts-expect-error: now gives a number
    definePlugin({ ...providing, start: () => Promise.resolve({ services: { clock: { now: () => "" } } }) });
    // @ts-expect-error: the clock is missing
    definePlugin({ ...providing, start: () => Promise.resolve({ services: {} }) });
  });
  it("providing one where many are gathered does not compile", () => {
    const providing = { ...plain, provides: { sink: sinkRef }, requires: {} };
    definePlugin({ ...providing, start: () => Promise.resolve({ services: { sink: [clock] } }) });
    // @ts-expect-error: each provider gives a list
    definePlugin({ ...providing, start: () => Promise.resolve({ services: { sink: clock } }) });
  });
  it("using a required service as another type does not compile", () => {
    const requiring = { ...plain, provides: {}, requires: { clock: clockRef } };
    const start = (run: unknown) => Promise.resolve({ services: {}, run });
    definePlugin({ ...requiring, start: ({ services }) => start(services.clock.now().toFixed()) });
    // @ts-expect-error: now gives a number
    definePlugin({ ...requiring, start: ({ services }) => start(services.clock.now().trim()) });
  });
  it("using a service that is not required does not compile", () => {
    definePlugin({ ...nothing, requires: { clock: clockRef }, start: async ({ services: { clock: _ } }) => running });
    // @ts-expect-error: nothing is required
    definePlugin({ ...nothing, requires: {}, start: async ({ services: { clock: _ } }) => running });
  });
  it("reading configuration it does not declare does not compile", () => {
    definePlugin({ ...nothing, start: ({ config: { PORT: _ } }) => Promise.resolve(running) });
    // @ts-expect-error: no variable of that name
    definePlugin({ ...nothing, start: ({ config: { HOST: _ } }) => Promise.resolve(running) });
  });
});

describe("In a specification", () => {
  const projection = defineProjection({ ...usage, on: { Switched: () => ({ switched: 1, last: "" }) } });
  const decide: Decide = () => reject("broken");
  const module = defineModule({
    ...declared,
    creates: [],
    decider: { ...decider, decide },
    projections: [projection],
  });
  const { given, when, project } = specification(module);
  const on = true;

  it("undeclared commands, events and rejections do not compile", () => {
    const undeclared = [
      () => when({ type: "Switch", on }).thenRejected("broken"),
      // @ts-expect-error: no command of that name
      () => when({ type: "Dim", on }).thenRejected("broken"),
      // @ts-expect-error: no code of that name
      () => when({ type: "Switch", on }).thenRejected("stolen"),
      () => given({ type: "Switched", on }).state.status,
      // @ts-expect-error: no event of that name
      () => given({ type: "Dimmed", on }).state.status,
      () => when({ type: "Switch", on }).then({ type: "Switched", on }),
      // @ts-expect-error: no event of that name
      () => when({ type: "Switch", on }).then({ type: "Dimmed", on }),
    ];
    assertEquals(undeclared.length, 7);
  });
  it("a document of another shape does not compile", () => {
    const documents = project(projection).given({ type: "Switched", on });
    documents.then("specified", { switched: 1, last: "" });
    // @ts-expect-error: the document has no such field
    const wrong = () => documents.then("specified", { switched: 1, first: "" });
    assertEquals(typeof wrong, "function");
  });
});
