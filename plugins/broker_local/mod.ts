import { z } from "zod";
import { eventSource, topicsOf } from "../../core/engine/publication.ts";
import { registryRef } from "../../core/engine/registry.ts";
import { brokerRef } from "../../core/ports/broker.ts";
import { changeLogRef } from "../../core/ports/change_log.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { logRef } from "../../core/ports/telemetry.ts";
import { createLocalBroker } from "./local_broker.ts";

/** The topics of a service without a broker, told from the store's change source to readers within this process. */
export default definePlugin({
  name: "broker_local",
  provides: { broker: brokerRef },
  requires: {
    registry: registryRef,
    source: changeLogRef,
    runtime: runtimeRef,
    log: logRef,
    supervision: supervisionRef,
  },
  config: z.object({ EVENT_SOURCE: eventSource }),
  start({ services: { registry, supervision, ...parts }, config }) {
    const topics = topicsOf(registry, { source: config.EVENT_SOURCE });
    const branch = supervision.branch("broker_local");
    const broker = createLocalBroker({ ...parts, topics, branch });
    return Promise.resolve({ services: { broker: [broker] }, stop: () => Promise.resolve(broker.stop()) });
  },
});
