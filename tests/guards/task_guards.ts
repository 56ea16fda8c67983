import type { Guard } from "./guards.ts";

const DOOR = "tasks/operations/door_test.ts";
const OPERATIONS = "tests/service/operations_task_test.ts";
const ENDS = "tests/service/task_ends_test.ts";

/** What keeps the promises of tasks: how they are asked, and how they end. */
export const taskGuards: readonly Guard[] = [
  {
    promise: "a task does not wait for ever for a door that does not answer",
    file: "tasks/operations/door.ts",
    find: "      signal: AbortSignal.timeout(this.#answerMs),\n",
    replace: "",
    test: DOOR,
  },
  {
    promise: "a door's address is a URL",
    file: "tasks/operations/door.ts",
    find: 'if (url?.protocol === "http:" || url?.protocol === "https:") return',
    replace: "if (url?.protocol !== undefined) return",
    test: DOOR,
  },
  {
    promise: "a token that no header takes is not told",
    file: "tasks/operations/door.ts",
    find: "if (/^[\\x21-\\x7e]+$/.test(text)) return text;",
    replace: "if (text.length > 0) return text;",
    test: DOOR,
  },
  {
    promise: "why nobody answers is told",
    file: "tasks/operations/door.ts",
    find: "at ${this.#url} (${why});",
    replace: "at ${this.#url};",
    test: OPERATIONS,
    case: "nobody answers",
  },
  {
    promise: "whoever gives no token is told which one is missing",
    file: "tasks/operations/door.ts",
    find: "response.status === 401",
    replace: "response.status === 402",
    test: OPERATIONS,
    case: "name the token",
  },
  {
    promise: "an operator's task tells how it is asked",
    file: "tasks/operations/command.ts",
    find: "if (values.help === true) return",
    replace: "if (values.help === false) return",
    test: OPERATIONS,
    case: "how they are asked",
  },
  {
    promise: "what is no number is refused where it was written",
    file: "tasks/operations/command.ts",
    find: 'if (value !== "" && Number.isFinite(number) && number > 0) return number;',
    replace: "if (number !== 0) return number;",
    test: OPERATIONS,
    case: "why they cannot",
  },
  {
    promise: "a topic is held against the module beside it",
    file: "tasks/publish/selection.ts",
    find: "&& owner !== module) {",
    replace: '&& owner === "") {',
    test: ENDS,
    case: "what its arguments are not",
  },
  {
    promise: "a topic that is not there is refused, whatever module is beside it",
    file: "tasks/publish/selection.ts",
    find: "if (topic !== undefined && owner === undefined) {",
    replace: "if (topic !== undefined && module === undefined && owner === undefined) {",
    test: ENDS,
    case: "what its arguments are not",
  },
  {
    promise: "what is no place to publish on from is told in one line",
    file: "tasks/publish.ts",
    find: "if (!(error instanceof InvalidCursor)) throw error;",
    replace: "throw error;",
    test: ENDS,
    case: "what is no place",
  },
  {
    promise: "a task on the directory of a service is told to stop it, not to take another directory",
    file: "plugins/storage_sqlite/mod.ts",
    find: 'storageOf("task")',
    replace: 'storageOf("service")',
    test: ENDS,
    case: "beside a service",
  },
  {
    promise: "a restore is told to stop the service, not to take another directory",
    file: "plugins/storage_sqlite/restore.ts",
    find: 'lockDirectory(directory, "task")',
    replace: 'lockDirectory(directory, "service")',
    test: "tests/service/backup_test.ts",
    case: "while a service runs",
  },
  {
    promise: "a migration without nodes is told what to set",
    file: "tasks/migrate.ts",
    find: "if (environment.SCYLLA_NODES === undefined) {",
    replace: 'if (environment.SCYLLA_NODES === "") {',
    test: ENDS,
    case: "what it lacks",
  },
  {
    promise: "the permission for one port is enough",
    file: "plugins/webhook/mod.ts",
    find: "requireNet(addressOf(url),",
    replace: "requireNet(url.host,",
    test: "plugins/webhook/mod_test.ts",
  },
  {
    promise: "a missing permission is told by the port that a URL leaves out",
    file: "core/engine/net_permission.ts",
    find: 'protocol === "https:" ? 443 : 80',
    replace: "443",
    test: "core/engine/net_permission_test.ts",
  },
];
