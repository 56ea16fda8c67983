import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { defineModule, defineProjection, type MessageOf, reject } from "./mod.ts";
import { http, specification, SpecificationError } from "./testing.ts";

const commands = { Switch: z.strictObject({ on: z.boolean() }), Break: z.strictObject({}) };
const events = { Switched: z.strictObject({ on: z.boolean() }), Broken: z.strictObject({}) };
const state = z.strictObject({ status: z.enum(["Off", "On", "Broken"]), switched: z.int() });
type State = z.output<typeof state>;
type Event = MessageOf<typeof events>;

const document = z.strictObject({ switched: z.int(), last: z.string() });
const usage = defineProjection({
  name: "lamp_usage",
  version: 1,
  events,
  document,
  on: { Switched: (known, _, { timestamp }) => ({ switched: (known?.switched ?? 0) + 1, last: timestamp }) },
});
const elsewhere = defineProjection({ name: "elsewhere", version: 1, events, document, on: {} });

type Faults = {
  readonly evolve?: (state: State, event: Event) => State;
  readonly decided?: Event;
  readonly projection?: typeof usage;
};

function lamp({ evolve = evolved, decided, projection = usage }: Faults = {}) {
  return defineModule({
    name: "lamp",
    path: "lamps",
    id: "text",
    commands,
    events,
    rejections: { broken: "The lamp is broken" },
    state,
    creates: ["Switch"],
    decider: {
      initialState: { status: "Off", switched: 0 },
      decide(command, state) {
        if (decided !== undefined) return [decided];
        if (command.type === "Break") return [];
        if (state.status === "Broken") return reject("broken", { switched: state.switched });
        return (state.status === "On") === command.on ? [] : [{ type: "Switched", on: command.on }];
      },
      evolve,
    },
    present: ({ status }) => ({ lit: status === "On" }),
    projections: [projection],
  });
}

function evolved(state: State, event: Event): State {
  if (event.type === "Switched") return { status: event.on ? "On" : "Off", switched: state.switched + 1 };
  return event.type === "Broken" ? { ...state, status: "Broken" } : state;
}

const { given, when, project } = specification(lamp());
const on = { type: "Switch", on: true } as const;
const switched = { type: "Switched", on: true } as const;

function message(specify: () => unknown): string {
  return assertThrows(specify, SpecificationError).message;
}

describe("A specification that holds", () => {
  it("passes", () => {
    when(on).then(switched);
    when({ type: "Break" }).thenNothing();
    given(switched).when(on).thenNothing();
    given(switched, { type: "Broken" }).when(on).thenRejected("broken");
    given({ type: "Broken" }).when(on).thenRejected("broken", { switched: 0 });
    given(switched).thenShows({ lit: true });
    assertEquals(given(switched).state, { status: "On", switched: 1 });
    assertEquals(when(on).decision, [switched]);
  });
});

describe("A wrong expectation fails with a message that says", () => {
  it("which member of which event differs", () =>
    assertStringIncludes(
      message(() => when(on).then({ ...switched, on: false })),
      "The events of Switch: not as expected\n  /0/on: expected false, found true",
    ));
  it("that an event is missing", () =>
    assertStringIncludes(
      message(() => given(switched).when(on).then(switched)),
      `/0: expected {"type":"Switched","on":true}, found nothing`,
    ));
  it("that there is an event too many", () =>
    assertStringIncludes(
      message(() => when(on).thenNothing()),
      `/0: expected nothing, found {"type":"Switched","on":true}`,
    ));
  it("that events were found instead of a rejection", () =>
    assertEquals(
      message(() => when(on).thenRejected("broken")),
      `Switch: expected the rejection broken, found the events [{"type":"Switched","on":true}]`,
    ));
  it("that a rejection was found instead of events", () =>
    assertEquals(
      message(() => given({ type: "Broken" }).when(on).then(switched)),
      `Switch: expected the events [{"type":"Switched","on":true}], found the rejection broken with {"switched":0}`,
    ));
  it("what differs in a rejection's detail", () =>
    assertStringIncludes(
      message(() => given({ type: "Broken" }).when(on).thenRejected("broken", { switched: 3 })),
      "The detail of broken: not as expected\n  /switched: expected 3, found 0",
    ));
  it("what differs in the state shown", () =>
    assertStringIncludes(message(() => given(switched).thenShows({ lit: false })), "/lit: expected false, found true"));
});

describe("A command its schema refuses", () => {
  const long = { ...on, colour: "red" };
  it("is specified as invalid, at pointers", () => when(long).thenInvalid(""));
  it("is neither events nor a rejection", () => {
    assertStringIncludes(message(() => when(long).then(switched)), "found its schema to refuse it");
    assertStringIncludes(message(() => when(long).thenRejected("broken")), `Unrecognized key: "colour"`);
    assertStringIncludes(message(() => when(long).decision), "expected a decision");
  });
  it("fails when expected elsewhere, or when its schema takes it", () => {
    assertStringIncludes(message(() => when(long).thenInvalid("/on")), `/0: expected "/on", found ""`);
    assertStringIncludes(message(() => when(on).thenInvalid("/on")), "expected its schema to refuse it at /on");
  });
});

describe("A module's faults fail its specification:", () => {
  const faulty = (faults: Faults) => specification(lamp(faults));
  it("a state outside its schema", () => {
    const { given, when } = faulty({
      evolve: (state, event) => event.type === "Switched" ? { ...state, switched: 0.5 } : state,
    });
    assertStringIncludes(message(() => given(switched)), "The state after Switched is not as declared");
    assertStringIncludes(message(() => when(on)), "The state after Switched is not as declared");
  });
  it("an evolve that changes the state it is given", () => {
    const { given } = faulty({ evolve: (state) => Object.assign(state, { switched: 1 }) });
    assertThrows(() => given(switched), TypeError, "read only");
  });
  it("an evolve that answers otherwise the second time", () => {
    let calls = 0;
    const { given } = faulty({ evolve: (state) => ({ ...state, switched: calls += 1 }) });
    assertStringIncludes(message(() => given(switched)), "evolve of Switched, run again on the same input");
  });
  it("an evolve that does not pass over unknown events", () => {
    const { given } = faulty({ evolve: (state) => ({ ...state, status: "Broken" }) });
    assertStringIncludes(message(() => given()), "The state after an unknown event: not as expected");
  });
  it("an event with a field nobody declared", () => {
    const smuggled = { ...switched, by: "Alice" };
    const { when } = faulty({ decided: smuggled });
    assertStringIncludes(message(() => when(on)), `Unrecognized key: "by"`);
  });
  it("an event that is not plain JSON", () => {
    const undefinedField = { ...switched, by: undefined };
    const { when } = faulty({ decided: undefinedField });
    assertStringIncludes(
      message(() => when(on)),
      "Switched, decided by Switch, as JSON: not as expected\n  /by: undefined is not the same as absent",
    );
  });
  it("a given event that is not as declared", () => {
    const smuggled = { ...switched, by: "Alice" };
    assertStringIncludes(message(() => given(smuggled)), "Switched is not as declared");
  });
});

describe("A projection's specification", () => {
  const [FIRST, SECOND] = ["2026-11-21T10:00:00.000Z", "2026-11-22T10:00:00.000Z"];
  const off = { type: "Switched", on: false } as const;
  const changed = (change: Partial<typeof usage>) => {
    const projection = { ...usage, ...change };
    return specification(lamp({ projection })).project(projection);
  };
  it("passes when it holds, for several aggregates and moments", () => {
    const documents = project(usage).given(
      { event: switched, id: "hall", at: FIRST },
      { event: switched, id: "attic", at: FIRST },
      { event: off, id: "hall", at: SECOND },
    );
    documents.then("hall", { switched: 2, last: SECOND });
    documents.then("attic", { switched: 1, last: FIRST });
    documents.then("cellar", undefined);
    assertEquals(documents.keys, ["hall", "attic"]);
  });
  it("fails with the member that differs", () => {
    const { then } = project(usage).given({ event: switched, id: "hall", at: FIRST });
    assertStringIncludes(
      message(() => then("hall", { switched: 2, last: FIRST })),
      "The document hall of lamp_usage: not as expected\n  /switched: expected 2, found 1",
    );
    assertStringIncludes(message(() => then("hall", undefined)), "the whole: expected nothing");
  });
  it("fails on a document outside its schema", () => {
    const { given } = changed({ on: { Switched: () => ({ switched: 0.5, last: "" }) } });
    assertStringIncludes(message(() => given(switched)), "lamp_usage on Switched is not as declared");
  });
  it("fails when the document depends on how streams interleave", () => {
    const { given } = changed({ key: () => "all" });
    const events = [{ event: switched, id: "hall", at: FIRST }, { event: switched, id: "attic", at: SECOND }];
    assertStringIncludes(message(() => given(...events)), "when its streams interleave otherwise");
  });
  it("fails for a projection that the module does not have", () =>
    assertStringIncludes(
      message(() => project(elsewhere)),
      "elsewhere is not among the projections of the module lamp",
    ));
});

describe("A specification through HTTP", () => {
  /** Lamps behind the wire, as far as these examples go. */
  function service(): (request: Request) => Promise<Response> {
    const lamps = new Map<string, boolean>();
    return async (request) => {
      const { pathname } = new URL(request.url);
      if (request.method === "GET") return Response.json({ path: pathname, lit: lamps.get(pathname) });
      const command = await request.json();
      if (command.on === lamps.get(pathname)) {
        const problem = { type: "/problems/lamp/broken", detail: "flickers" };
        return Response.json(problem, { status: 422, headers: { "content-type": "application/problem+json" } });
      }
      lamps.set(pathname, command.on);
      const headers = { etag: `"1"`, "x-key": request.headers.get("idempotency-key") ?? "" };
      return Response.json({ version: 1, events: [{ event_type: "Switched", event_id: "?" }] }, { headers });
    };
  }
  const lamps = http(service(), lamp());

  it("passes when it holds", async () => {
    await lamps.when(on, { headers: { "idempotency-key": "k" } }).then({
      status: 200,
      headers: { etag: `"1"`, "x-key": "k" },
      body: { events: [{ event_type: "Switched" }] },
    });
    await lamps.given(on).when(on).then({ status: 422, problem: "broken", body: { detail: "flickers" } });
    await lamps.given(on).whenRequested().then({ status: 200, body: { lit: true } });
    const { id, body } = await lamps.given(on).whenRequested({ path: "/lamps/{id}/events" }).then({ status: 200 });
    assertEquals(body, { path: `/lamps/${id}/events` });
  });
  it("begins each example with another aggregate", async () => {
    await lamps.given(on).whenRequested().then({ status: 200, body: { lit: true } });
    await lamps.whenRequested().then({ status: 200, body: {} });
    await lamps.when(on).then({ status: 200 });
  });
  it("fails when a given command does", async () => {
    const error = await assertRejects(() => lamps.given(on, on).whenRequested().then({ status: 200 }));
    assertStringIncludes(String(error), `The given Switch was answered 422: {"type":"/problems/lamp/broken"`);
  });
  it("fails with the answer when the status differs", async () => {
    const error = await assertRejects(() => lamps.given(on).when(on).then({ status: 200 }), SpecificationError);
    assertStringIncludes(error.message, `Expected the status 200, found 422: {"type":"/problems/lamp/broken"`);
  });
  it("fails with what differs in problem, body and headers", async () => {
    const failing = async (expected: Parameters<ReturnType<typeof lamps.when>["then"]>[0]) =>
      (await assertRejects(() => lamps.given(on).when(on).then(expected), SpecificationError)).message;
    assertStringIncludes(
      await failing({ status: 422, problem: "/problems/version_conflict" }),
      `expected "/problems/version_conflict", found "/problems/lamp/broken"`,
    );
    assertStringIncludes(
      await failing({ status: 422, body: { detail: "glows", more: 1 } }),
      `/detail: expected "glows", found "flickers"\n  /more: expected 1, found nothing`,
    );
    assertStringIncludes(await failing({ status: 422, headers: { etag: `"9"` } }), "The header etag: not as expected");
  });
});
