/** One edit that removes what protects a promise, and the test file that must then fail. */
export type Guard = {
  readonly promise: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly test: string;
  /** Of the test file, only the cases whose names have this text are run. */
  readonly case?: string;
};

const BUS = "tests/engine/command_bus_test.ts";
const SUBSCRIPTION = "tests/engine/subscription_test.ts";
const APP = "tests/engine/app_test.ts";
const BROKER = "tests/engine/broker_local_test.ts";
const LIVE = "tests/http/live_test.ts";
const LIVE_LOAD = "tests/http/live_load_test.ts";
const LIVE_STREAMS = "plugins/http/live_streams_test.ts";

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
    find: "draft.keyed?.get(identity.commandId) ?? ",
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
    find: 'draft.state) !== true) return { is: "forbidden" };',
    replace: "draft.state) !== true) {}",
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
    promise: "of many who ask for one version one wins",
    file: "core/engine/decide.ts",
    find: "if (precondition !== undefined &&",
    replace: "if (precondition === null &&",
    test: "tests/service/one_winner_test.ts",
  },
  {
    promise: "who did not win a version is told the one that there is",
    file: "plugins/http/commands.ts",
    find: "return versionMismatch(outcome.version);",
    replace: "return versionMismatch(0);",
    test: "tests/service/one_winner_test.ts",
  },
  {
    promise: "what a decider smuggles into an event is not stored",
    file: "core/engine/decide.ts",
    find: "asStored(parseEvent(served, message))",
    replace: "message",
    test: BUS,
  },
  {
    promise: "an unknown outcome drops what was folded",
    file: "core/engine/commit.ts",
    find: 'if (outcome === "unknown") parts.cache.drop(key);',
    replace: 'if (outcome === "unknown") {}',
    test: BUS,
  },
  {
    promise: "a refusal made from a cache is checked where others write, too",
    file: "core/engine/commit.ts",
    find: "!store.soleWriter",
    replace: "store.soleWriter",
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
    file: "core/engine/commit.ts",
    find: "      parts.cache.drop(key);\n      mayGuess = false;",
    replace: "      mayGuess = false;",
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
    find: ": this.#parking.show(parked, event);",
    replace: ": await this.#tries.attempt(unit, event, { applied, before: parked });",
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
    file: "core/engine/tries.ts",
    find: "|| attempts >= policy.tries",
    replace: "",
    test: SUBSCRIPTION,
  },
  {
    promise: "a parked aggregate is told to who waits for it, at once",
    file: "core/engine/shown.ts",
    find: "!standing.parked.givenUp",
    replace: "true",
    test: SUBSCRIPTION,
  },
  {
    promise: "a parked aggregate is tried again however busy the feed is",
    file: "core/engine/subscription.ts",
    find: "if (due !== undefined) await catchUp(due, this.#redelivery);",
    replace: "if (due !== undefined && this.#failures < 0) await catchUp(due, this.#redelivery);",
    test: SUBSCRIPTION,
  },
  {
    promise: "a restart gives parked aggregates their tries again",
    file: "core/engine/parking.ts",
    find: "before.has(streamKey(each)) ? each : {",
    replace: "before.size >= 0 ? each : {",
    test: SUBSCRIPTION,
  },
  {
    promise: "what is folded now is what will be folded after a restart",
    file: "core/engine/decide.ts",
    find: "asStored(parseEvent(served, message))",
    replace: "parseEvent(served, message)",
    test: BUS,
  },
  {
    promise: "a document fits its schema",
    file: "core/engine/projected.ts",
    find: "asStored(document.parse(after))",
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
  {
    promise: "a stop that fails says of each plugin why",
    file: "core/engine/app.ts",
    find: ".catch(throwAll)",
    replace: "",
    test: APP,
    case: "tells of every plugin",
  },
  {
    promise: "an id that a topic did not give is refused",
    file: "plugins/broker_local/local_broker.ts",
    find: "if (await found.skipThrough(eventId)) return found;",
    replace: "if (await found.skipThrough(eventId) || found) return found;",
    test: BROKER,
  },
  {
    promise: "a topic goes on behind the event of the id, not with it",
    file: "plugins/broker_local/local_tail.ts",
    find: "return events.slice(at + 1);",
    replace: "return events.slice(at);",
    test: BROKER,
  },
  {
    promise: "a topic goes on with the events of the same page",
    file: "plugins/broker_local/local_tail.ts",
    find: "        this.#skipThrough = eventId;\n",
    replace: "        this.#after = page.checkpoint;\n",
    test: BROKER,
  },
  {
    promise: "an event that fails to be published costs nobody the events behind it",
    file: "plugins/broker_local/local_broker.ts",
    find: "error: String(error) });\n    return undefined;",
    replace: "error: String(error) });\n    throw error;",
    test: BROKER,
  },
  {
    promise: "no public type breaks out of its line",
    file: "core/engine/publication.ts",
    find: "/^[\\w.-]+$/.test(type)",
    replace: "type.length > 0",
    test: BROKER,
  },
  {
    promise: "an id beyond the last event is refused rather than waited for",
    file: "plugins/http/live_history.ts",
    find: " && Number(start.id) <= version",
    replace: "",
    test: LIVE,
  },
  {
    promise: "who may not read a topic gets none",
    file: "plugins/http/topics.ts",
    find: 'if (!mayRead(served, call.principal, { kind: "topic", topic })) return problem("forbidden");',
    replace: "",
    test: LIVE,
  },
  {
    promise: "a live reader of a stream sees no gap where an offer runs ahead",
    file: "plugins/http/live_history.ts",
    find: "first === this.#after + 1 && ",
    replace: "",
    test: "tests/http/live_faults_test.ts",
  },
  {
    promise: "readers of a topic look for what happened before its bells rang",
    file: "plugins/broker_local/bells.ts",
    find: "for (const name of topics.keys()) this.#ring(name);",
    replace: "",
    test: BROKER,
    case: "that dies is started again",
  },
  {
    promise: "a live reader is told what happened while nobody watched for it",
    file: "plugins/http/live_hub.ts",
    find: "for (const each of listeners) each.lookAgain();",
    replace: "listeners;",
    test: "tests/http/live_hub_test.ts",
    case: "goes on behind an outage",
  },
  {
    promise: "a live reader that waits is not taken for slow when nobody looked for long",
    file: "plugins/http/live_stream.ts",
    find: "!waits && quietMs",
    replace: "quietMs",
    test: "tests/engine/components_test.ts",
    case: "that hangs is left behind",
  },
  {
    promise: "a stop does not wait for live streams",
    file: "plugins/http/mod.ts",
    find: "        kernel.live.close();\n",
    replace: "",
    test: LIVE_LOAD,
  },
  {
    promise: "a reader that takes nothing is closed",
    file: "plugins/http/live_stream.ts",
    find: "quietMs >= slowReaderMs) this.end();",
    replace: "quietMs >= Infinity) this.end();",
    test: LIVE_STREAMS,
  },
  {
    promise: "nothing is made for a reader that has not taken what was made before",
    file: "plugins/http/live_stream.ts",
    find: "{ highWaterMark: 0 }",
    replace: "{ highWaterMark: 10 }",
    test: LIVE_STREAMS,
  },
  {
    promise: "live streams are bounded in number, those that are being opened counted",
    file: "core/engine/shares.ts",
    find: "this.#held >= this.#all",
    replace: "this.#held < 0",
    test: LIVE_STREAMS,
  },
  {
    promise: "a write is not told as seen by a view that parked its aggregate meanwhile",
    file: "plugins/storage_sqlite/progress.ts",
    find: "return { is: position !== undefined && position <= passed",
    replace: "return { is: position !== undefined && position <= (reader().progressOf(subscription) ?? 0)",
    test: "plugins/storage_sqlite/progress_test.ts",
  },
  {
    promise: "a write that found its file closed is refused, not unknown",
    file: "plugins/storage_sqlite/event_writer.ts",
    find: "      this.#thread.terminate();\n      throw new StartError(reply.refused);",
    replace: "      throw new StartError(reply.refused);",
    test: "plugins/storage_sqlite/obstacles_test.ts",
  },
  {
    promise: "a change below a module's folder makes its snapshots and views anew",
    file: "plugins/runtime/discover_modules.ts",
    find: "if (isDirectory) return",
    replace: "if (isDirectory) return [];\n    if (isDirectory) return",
    test: "plugins/runtime/discover_modules_test.ts",
  },
];
