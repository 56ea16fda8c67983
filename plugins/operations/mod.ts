import { z } from "zod";
import { requestLogRef } from "../../core/engine/request_log.ts";
import { eventStoreRef } from "../../core/ports/event_store.ts";
import { operationRef } from "../../core/ports/operation.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { subscriberRef, waitingForRef } from "../../core/ports/subscriber.ts";
import { logRef } from "../../core/ports/telemetry.ts";
import { createAsk } from "./ask.ts";
import { DeadLetters, readingOperations } from "./dead_letters.ts";
import { redriveOperations } from "./redrive.ts";
import { subscriptionOperations } from "./subscriptions.ts";

/**
 * What operators can do about subscriptions and what these have parked. Any process takes a request and stores it;
 * whoever runs the subscription carries it out, each request once.
 */
export default definePlugin({
  name: "operations",
  provides: { operations: operationRef },
  requires: {
    subscribers: subscriberRef,
    waitingFor: waitingForRef,
    requests: requestLogRef,
    store: eventStoreRef,
    log: logRef,
  },
  config: z.object({}),
  start({ services: { subscribers, waitingFor, requests, store, log } }) {
    const letters = new DeadLetters(subscribers);
    const ask = createAsk(requests, log);
    const operations = [
      ...readingOperations(letters, store),
      ...redriveOperations({ letters, requests, ask }),
      ...subscriptionOperations({ subscribers, waitingFor, letters, requests, store, ask }),
    ];
    return Promise.resolve({ services: { operations } });
  },
});
