import type { Guard } from "./guards.ts";

const RETRY = "tests/engine/retry_test.ts";
const LETTERS = "tests/service/dead_letters_test.ts";

/** What keeps the promises made to whoever mends what a subscriber failed on. */
export const deadLetterGuards: readonly Guard[] = [
  {
    promise: "a breaker opens after five failures",
    file: "core/engine/breaker.ts",
    find: "this.#inRow >= FAILURES_TO_OPEN",
    replace: "this.#inRow >= Infinity",
    test: RETRY,
  },
  {
    promise: "a breaker that tries again opens at the first failure",
    file: "core/engine/breaker.ts",
    find: 'this.#state === "half_open" || this.#inRow',
    replace: "this.#inRow",
    test: RETRY,
  },
  {
    promise: "a success in between keeps a breaker closed",
    file: "core/engine/breaker.ts",
    find: 'if (this.#state === "closed") this.#inRow = 0;',
    replace: 'if (this.#state === "open") this.#inRow = 0;',
    test: "core/engine/breaker_test.ts",
  },
  {
    promise: "what no further try will help is given up at once",
    file: "core/engine/tries.ts",
    find: "error instanceof PermanentError || ",
    replace: "",
    test: RETRY,
  },
  {
    promise: "a redrive tries what is meant, and nothing else",
    file: "core/engine/parking.ts",
    find: "each.request < number && matches(filter, each)",
    replace: "each.request < number",
    test: LETTERS,
  },
  {
    promise: "each request is carried out once on each aggregate",
    file: "core/engine/parking.ts",
    find: "each.request < number && matches(filter, each)",
    replace: "matches(filter, each)",
    test: "core/engine/parking_test.ts",
  },
  {
    promise: "events that come while an aggregate waits for its redrive stay behind it",
    file: "core/engine/parking.ts",
    find: "toTry: { ...toTry, through }",
    replace: "toTry",
    test: LETTERS,
  },
  {
    promise: "what was asked of an aggregate is not taken for done before it was tried",
    file: "core/engine/parking.ts",
    find: "{ parked, ...next, redrive: { toTry, dueMs } }",
    replace: "{ parked: next.toTry, ...next, redrive: { toTry, dueMs } }",
    test: LETTERS,
  },
  {
    promise: "a redrive that was cancelled tries nothing more",
    file: "core/engine/parking.ts",
    find: "if (held.redrive !== undefined)",
    replace: "if (held.redrive !== undefined && held.dueMs < 0)",
    test: "core/engine/parking_test.ts",
  },
  {
    promise: "only the event that an operator looked at is passed by",
    file: "core/engine/parking.ts",
    find: "skip.from !== toTry.from || ",
    replace: "",
    test: "core/engine/parking_test.ts",
  },
  {
    promise: "a second redrive waits for the end of the first",
    file: "plugins/operations/redrive.ts",
    find: "return running ? undefined : { type: REQUESTS.redriven, data };",
    replace: "return { type: REQUESTS.redriven, data };",
    test: LETTERS,
  },
  {
    promise: "a dry run changes nothing",
    file: "plugins/operations/redrive.ts",
    find: "if (dry_run) return",
    replace: "if (dry_run && total < 0) return",
    test: LETTERS,
  },
  {
    promise: "a pause outlasts a restart",
    file: "core/engine/subscription.ts",
    find: "await requests.refresh();",
    replace: "",
    test: "tests/engine/handlers_test.ts",
  },
];
