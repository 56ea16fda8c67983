import { z } from "zod";
import { createHandlerSubscriber } from "../../core/engine/handling.ts";
import { lifecycleRef } from "../../core/engine/lifecycle.ts";
import { checkpointStoreRef } from "../../core/ports/checkpoints.ts";
import { handlerRef } from "../../core/ports/handler.ts";
import { definePlugin, StartError } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { subscriberRef } from "../../core/ports/subscriber.ts";

const NAME = /^[a-z][a-z0-9_]{0,99}$/;

/** Has every plugin's handlers do their work in the outside world. */
export default definePlugin({
  name: "handlers",
  provides: { subscribers: subscriberRef },
  requires: {
    handlers: handlerRef,
    checkpoints: checkpointStoreRef,
    runtime: runtimeRef,
    lifecycle: lifecycleRef,
  },
  config: z.object({}),
  start({ services: { handlers, checkpoints, runtime, lifecycle: { stopping } } }) {
    const names = handlers.map(({ name }) => name);
    for (const [at, name] of names.entries()) {
      if (NAME.test(name) && names.indexOf(name) === at) continue;
      throw new StartError(`Cannot run the handler ${name}: expected a name of its own, of a-z, 0-9 and _`);
    }
    const parts = { checkpoints, runtime, stopping };
    return Promise.resolve({
      services: { subscribers: handlers.map((handler) => createHandlerSubscriber(handler, parts)) },
    });
  },
});
