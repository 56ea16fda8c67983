import type { Guard } from "./guards.ts";

const ACCESS = "tests/http/access_test.ts";

/** What keeps one client from taking what all share. */
export const limitsGuards: readonly Guard[] = [
  {
    promise: "the memory of a body that is given up is given back, though its client stays",
    file: "plugins/http/body.ts",
    find: "  reader?.cancel().catch(() => {});\n",
    replace: "",
    test: ACCESS,
    case: "hold nothing of a body",
  },
  {
    promise: "a Host that is none is no fault",
    file: "plugins/http/access/operator_gates.ts",
    find: "asked === null || isOnLoopback",
    replace: "isOnLoopback",
    test: ACCESS,
    case: "answers no page of another origin",
  },
];
