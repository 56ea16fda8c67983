import type { Guard } from "./guards.ts";

/** What keeps the figures honest. */
export const benchGuards: readonly Guard[] = [
  {
    promise: "the time that the tests' writer of the log takes is not counted as the reader's",
    file: "tests/cluster/cdc/logged_session.ts",
    find: "if (waits) await logged;",
    replace: "",
    test: "tests/cluster/cdc/logged_session_test.ts",
  },
  {
    promise: "nobody waits for the log who did not ask for it",
    file: "tests/cluster/cdc/logged_session.ts",
    find: "if (waits) await logged;",
    replace: "await logged;",
    test: "tests/cluster/cdc/logged_session_test.ts",
  },
  {
    promise: "the log holds no commit whose condition failed",
    file: "tests/cluster/cdc/logged_session.ts",
    find: `if (row?.["[applied]"] !== true) return;`,
    replace: "",
    test: "tests/cluster/cdc/logged_session_test.ts",
  },
  {
    promise: "the next page of the log is asked for while one is worked on",
    file: "plugins/storage_scylla/ahead.ts",
    find: `      next = values.next();
      // Why it fails is told to whoever comes for it, if anybody does.
      next.catch(() => {});
      yield value.value;`,
    replace: "      yield value.value; next = values.next();",
    test: "plugins/storage_scylla/ahead_test.ts",
  },
  {
    promise: "a page of the log that failed ends nothing when nobody comes for it any more",
    file: "plugins/storage_scylla/ahead.ts",
    find: "next.catch(() => {});",
    replace: "",
    test: "plugins/storage_scylla/ahead_test.ts",
  },
  {
    promise: "a read of the log that is left is ended",
    file: "plugins/storage_scylla/ahead.ts",
    find: "await values.return?.();",
    replace: "",
    test: "plugins/storage_scylla/ahead_test.ts",
  },
  {
    promise: "what the log said last is known when it says it again",
    file: "plugins/storage_scylla/cdc/recent.ts",
    find: "this.#older = this.#newer;",
    replace: "",
    test: "plugins/storage_scylla/cdc/recent_test.ts",
  },
  {
    promise: "what the log said long ago takes no memory",
    file: "plugins/storage_scylla/cdc/recent.ts",
    find: "if (this.#newer.size < this.#keys) return;",
    replace: "return;",
    test: "plugins/storage_scylla/cdc/recent_test.ts",
  },
];
