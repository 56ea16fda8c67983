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
];
