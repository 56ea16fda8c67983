import type { Guard } from "./guards.ts";

const HANDLERS = "tests/engine/handlers_test.ts";
const CLUSTER = "tests/cluster/handlers_cluster_test.ts";

/** What keeps the promises of work in the outside world. */
export const handlerGuards: readonly Guard[] = [
  {
    promise: "an event has the same key at every try",
    file: "core/engine/handling.ts",
    find: "const idempotencyKey = `${this.#handler.name}:${event.eventId}`;",
    replace: "const idempotencyKey = `${this.#handler.name}:${event.eventId}${performance.now()}`;",
    test: HANDLERS,
  },
  {
    promise: "an event has the same key on every copy",
    file: "core/engine/handling.ts",
    find: "const idempotencyKey = `${this.#handler.name}:${event.eventId}`;",
    replace: "const idempotencyKey = `${this.#handler.name}:${event.eventId}${Deno.pid}`;",
    test: CLUSTER,
  },
  {
    promise: "progress is stored once the effects of a page are there",
    file: "core/engine/handling.ts",
    find: "        goOn();\n        this.#parts.checkpoints.check(progress);",
    replace: "        await this.#parts.checkpoints.commit(this.#handler.name, progress);",
    test: "tests/service/webhook_test.ts",
    case: "when it is killed",
  },
  {
    promise: "what was handled is not handled again because something behind it waits",
    file: "core/engine/handling.ts",
    find: "|| handled.has(event.eventId)",
    replace: "",
    test: HANDLERS,
  },
  {
    promise: "an outage of the outside parks nothing",
    file: "core/engine/handling.ts",
    find: "if (error instanceof Unavailable) throw waitingAt(event, error);",
    replace: "",
    test: HANDLERS,
  },
  {
    promise: "later events of an aggregate wait for the one that failed",
    file: "core/engine/handling.ts",
    find: "          failed.push({ event, error });\n          return;",
    replace: "          failed.push({ event, error });",
    test: "tests/engine/handlers_test.ts",
  },
  {
    promise: "a handler that hangs is given up",
    file: "core/engine/handling.ts",
    find: "await Promise.race([work(signal), late]);",
    replace: "await work(signal);",
    test: HANDLERS,
  },
  {
    promise: "a page that takes minutes is not taken for one that hangs",
    file: "plugins/cdc_streamer/guarded_subscriber.ts",
    find: "return await this.unit.flush?.(progress, step) ?? [];",
    replace: "return await this.unit.flush?.(progress, goOn) ?? [];",
    test: HANDLERS,
  },
  {
    promise: "a pause stops a page under way",
    file: "core/engine/handling.ts",
    find: "        goOn();\n",
    replace: "",
    test: HANDLERS,
  },
  {
    promise: "an event that a handler waits for can be passed by",
    file: "core/engine/subscription.ts",
    find: "if (skips.size > 0 && ",
    replace: "if (skips.size < 0 && ",
    test: "tests/service/webhook_test.ts",
  },
  {
    promise: "a webhook follows no redirect",
    file: "plugins/webhook/order_shipped.ts",
    find: 'redirect: "manual",',
    replace: "",
    test: "tests/service/webhook_test.ts",
  },
  {
    promise: "a webhook goes to an allowed host only",
    file: "plugins/webhook/mod.ts",
    find: "if (hosts.includes(hostname)) return;",
    replace: "return;",
    test: "tests/service/webhook_test.ts",
  },
];
