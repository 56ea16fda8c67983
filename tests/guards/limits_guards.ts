import type { Guard } from "./guards.ts";

const ACCESS = "tests/http/access_test.ts";
const LOAD = "tests/service/load_test.ts";
const GATES = "tests/http/public_gates_test.ts";
const QUERIES = "tests/engine/queries_test.ts";

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
  {
    promise: "a token of consistency tells nothing of what its bearer may not read",
    file: "core/engine/queries.ts",
    find: 'mayRead(writer, principal, { kind: "state", id })',
    replace: "true",
    test: QUERIES,
  },
  {
    promise: "nobody who says who they are takes all places of those who wait for views",
    file: "core/engine/shown.ts",
    find: "sub === ANONYMOUS.sub ? MAX_WAITING : MAX_WAITING_OF_ONE",
    replace: "MAX_WAITING",
    test: QUERIES,
  },
  {
    promise: "forged tokens are not checked without end",
    file: "plugins/http/access/public_gates.ts",
    find: "authenticator.known(token) ?? (addresses && refuseSpent(addresses, addressOf(context))) ??",
    replace: "authenticator.known(token) ??",
    test: GATES,
  },
  {
    promise: "who is known is not held by what others at the address sent",
    file: "plugins/http/access/public_gates.ts",
    find: "authenticator.known(token) ?? (addresses && refuseSpent(addresses, addressOf(context))) ??",
    replace: "(addresses && refuseSpent(addresses, addressOf(context))) ??",
    test: GATES,
  },
  {
    promise: "made-up addresses are not in the way of subjects",
    file: "plugins/http/access/public_gates.ts",
    find: "const addresses = clientLimit && new RateLimiter(clientLimit, runtime);",
    replace: "const addresses = subjects;",
    test: GATES,
  },
  {
    promise: "one client does not take all live streams",
    file: "core/engine/shares.ts",
    find: "held >= each",
    replace: "held < 0",
    test: "tests/http/live_test.ts",
    case: "one client",
  },
  {
    promise: "for whom there is no room is told when to come back",
    file: "plugins/http/problems.ts",
    find: '...(status === 503 ? { "retry-after": RETRY_AFTER_SECONDS } : {}),',
    replace: "",
    test: LOAD,
    case: "greedy",
  },
  {
    promise: "who comes too often is told when to come back",
    file: "plugins/http/access/public_gates.ts",
    find: 'problem("rate_limited", { headers: { "retry-after": String(waitSeconds) } })',
    replace: 'problem("rate_limited")',
    test: LOAD,
    case: "greedy",
  },
  {
    promise: "an operator's body is held to the limits, too",
    file: "plugins/http/operations.ts",
    find: "      kernel,\n    );",
    replace: "      { ...kernel, limits: { bytes: Infinity, depth: Infinity, keys: Infinity } },\n    );",
    test: "tests/http/bodies_test.ts",
    case: "changes nothing unless",
  },
  {
    promise: "what is written once does not drive out what is written again and again",
    file: "core/engine/live_cache.ts",
    find: "this.#proven.has(key) || this.#fresh.delete(key)",
    replace: "false",
    test: "core/engine/live_cache_test.ts",
    case: "keeps what is written again",
  },
  {
    promise: "who does not read costs no memory for what is written",
    file: "plugins/http/live_stream.ts",
    find: "{ highWaterMark: 0 }",
    replace: "{ highWaterMark: Infinity }",
    test: "tests/service/silent_readers_test.ts",
    case: "bounded memory",
  },
  {
    promise: "a client that has its live streams is told when to come back",
    file: "plugins/http/live_streams.ts",
    find: "{ detail, headers: RETRY_AFTER }",
    replace: "{ detail }",
    test: "tests/service/silent_readers_test.ts",
    case: "no setting says otherwise",
  },
];
