import type { Runtime } from "../../core/ports/runtime.ts";
import { BodyMemory } from "./body_memory.ts";
import type { Config } from "./config.ts";
import { Deadlines } from "./deadlines.ts";

/** What bodies and commands are held to, as it is configured. */
export function createLimits(runtime: Runtime, config: Config) {
  return {
    bodyDeadlines: new Deadlines(runtime, config.BODY_TIMEOUT_MS),
    commandDeadlines: new Deadlines(runtime, config.COMMAND_TIMEOUT_MS),
    bodyMemory: new BodyMemory(config.BODY_MEMORY_BYTES),
    limits: {
      bytes: config.BODY_LIMIT_BYTES,
      depth: config.JSON_DEPTH_LIMIT,
      keys: config.JSON_KEYS_LIMIT,
      page: config.PAGE_LIMIT,
    },
  };
}
