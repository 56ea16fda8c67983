/** One edit that removes what protects a promise, and the test file that must then fail. */
export type Guard = {
  readonly promise: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly test: string;
};

const BUS = "tests/engine/command_bus_test.ts";
const SUBSCRIPTION = "tests/engine/subscription_test.ts";
const APP = "tests/engine/app_test.ts";

export const guards: readonly Guard[] = [
  {
    promise: "a key that was used is answered from the stream, not decided again",
    file: "core/engine/decide.ts",
    find: "    if (known !== undefined) {",
    replace: "    if (known === null) {",
    test: BUS,
  },
  {
    promise: "a twin in the same commit is found, too",
    file: "core/engine/decide.ts",
    find: "draft.keyed.get(identity.commandId) ?? ",
    replace: "",
    test: BUS,
  },
  {
    promise: "a key with another body is refused",
    file: "core/engine/decide.ts",
    find: "known.hash === identity.commandHash",
    replace: "known.hash.length > 0",
    test: BUS,
  },
  {
    promise: "a replay comes before the precondition, and both after authorisation",
    file: "core/engine/decide.ts",
    find: 'if (module.allow?.(principal, command, draft.state) === false) return { is: "forbidden" };',
    replace: "",
    test: BUS,
  },
  {
    promise: "preconditions see what the neighbours before did",
    file: "core/engine/decide.ts",
    find: "!holds(precondition, draft.version)",
    replace: "!holds(precondition, draft.base.version)",
    test: BUS,
  },
  {
    promise: "what a decider smuggles into an event is not stored",
    file: "core/engine/decide.ts",
    find: "parseEvent(served, message)",
    replace: "message",
    test: BUS,
  },
  {
    promise: "an unknown outcome drops what was folded",
    file: "core/engine/commit.ts",
    find: 'if (outcome === "unknown") {\n      parts.cache.drop(key);',
    replace: 'if (outcome === "unknown") {',
    test: BUS,
  },
  {
    promise: "a refusal made from a cache is checked where others write, too",
    file: "core/engine/commit.ts",
    find: "!parts.store.soleWriter",
    replace: "parts.store.soleWriter",
    test: BUS,
  },
  {
    promise: "a state read from a cache is checked where others write, too",
    file: "core/engine/queries.ts",
    find: "(store.soleWriter || await store.version(stream) === cached.version)",
    replace: "(store.soleWriter || true)",
    test: BUS,
  },
  {
    promise: "what was decided on a stream that moved is decided again",
    file: "core/engine/command_queue.ts",
    find: "    parts.cache.drop(key);\n    parts.metrics.conflict();",
    replace: "    parts.metrics.conflict();",
    test: BUS,
  },
  {
    promise: "snapshots carry the keys",
    file: "core/engine/aggregate.ts",
    find: "known: known.entries()",
    replace: "known: []",
    test: BUS,
  },
  {
    promise: "a queue is bounded",
    file: "core/engine/command_queue.ts",
    find: "(queue?.length ?? 0) >= MAX_WAITING_PER_STREAM",
    replace: "(queue?.length ?? 0) >= Infinity",
    test: BUS,
  },
  {
    promise: "followers of a parked event stay behind it",
    file: "core/engine/subscription.ts",
    find: "parked === undefined ? await this.#attempt(unit, event) : behind(parked, event)",
    replace: "await this.#attempt(unit, event, parked)",
    test: SUBSCRIPTION,
  },
  {
    promise: "an outage of the storage parks nothing",
    file: "core/engine/subscription.ts",
    find: "if (!(error instanceof Unavailable)) throw error;",
    replace: "throw error;",
    test: SUBSCRIPTION,
  },
  {
    promise: "a parked aggregate is tried three times, no more",
    file: "core/engine/subscription.ts",
    find: "parked.attempts >= MAX_TRIES\n",
    replace: "parked.attempts >= Infinity\n",
    test: SUBSCRIPTION,
  },
  {
    promise: "a parked aggregate is told to who waits for it, at once",
    file: "core/engine/queries.ts",
    find: 'return "parked";',
    replace: 'return "behind";',
    test: SUBSCRIPTION,
  },
  {
    promise: "a document fits its schema",
    file: "core/engine/projector.ts",
    find: "projection.document.parse(after)",
    replace: "after",
    test: SUBSCRIPTION,
  },
  {
    promise: "half a start is unwound",
    file: "core/engine/app.ts",
    find: "    await app.stop().catch",
    replace: '    if (app.phase === "ready") await app.stop().catch',
    test: APP,
  },
];
