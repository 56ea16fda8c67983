import { eventSource, topicsOf } from "../../core/engine/publication.ts";
import { lifecycleRef } from "../../core/engine/lifecycle.ts";
import { requireServers } from "../../core/engine/net_permission.ts";
import { registryRef } from "../../core/engine/registry.ts";
import { brokerRef, senderRef } from "../../core/ports/broker.ts";
import { definePlugin, StartError } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { logRef } from "../../core/ports/telemetry.ts";
import { accessOf, kafkaConfig, settingsOf } from "./config.ts";
import { KafkaBroker } from "./kafka_broker.ts";
import { KAFKA_TIMES, type KafkaAccess, type KafkaClient } from "./kafka_client.ts";
import { createSender } from "./sender.ts";
import { Topics } from "./topics.ts";

/** How long a send may take once the service is stopping. */
const LAST_SEND_MS = 3_000;

/**
 * Topics in Kafka or Redpanda at `REDPANDA_BROKERS`. Starts whether the broker answers or not; one whose topics have
 * other partitions than configured is refused, at the start or as soon as it answers.
 */
export default definePlugin({
  name: "broker_kafka",
  provides: { broker: brokerRef, sender: senderRef },
  requires: {
    registry: registryRef,
    lifecycle: lifecycleRef,
    supervision: supervisionRef,
    runtime: runtimeRef,
    log: logRef,
  },
  config: kafkaConfig.extend({ EVENT_SOURCE: eventSource }),
  async start({ services: { registry, lifecycle, supervision, runtime, log }, config, signal }) {
    await requireServers("REDPANDA_BROKERS", config.REDPANDA_BROKERS);
    const client = await openClient(config.KAFKA_CLIENT, await accessOf(config));
    const names = [...topicsOf(registry, { source: config.EVENT_SOURCE }).keys()];
    const settings = settingsOf(config);
    const branch = supervision.branch("broker_kafka");
    const topics = new Topics({ client, names, settings, runtime, log, branch });
    const broker = new KafkaBroker({ client, topics, names: new Set(names), runtime, log, branch });
    const sender = createSender({ client, topics, partitions: settings.partitions, runtime });
    const stopped = new AbortController();
    // Who waits for a broker that does not answer is let go in time; what was sent by then is sent again.
    lifecycle.stopping.addEventListener("abort", () => {
      runtime.sleep(LAST_SEND_MS, { signal: stopped.signal }).then(() => sender.stop(), () => {});
    });
    const stop = async () => {
      stopped.abort();
      sender.stop();
      await Promise.all([broker.stop(), topics.stop()]);
      await client.close();
    };
    try {
      await topics.start(signal);
    } catch (error) {
      await stop();
      throw error;
    }
    return {
      services: { broker: [broker], sender: [sender] },
      health() {
        const { trouble } = topics;
        return trouble === undefined ? { status: "pass" } : { status: "warn", reason: trouble };
      },
      stop,
    };
  },
});

/** Each driver is loaded only where it is used. */
async function openClient(name: "kafkajs" | "platformatic", access: KafkaAccess): Promise<KafkaClient> {
  if (name === "kafkajs") {
    const { createKafkajsClient } = await import("./kafkajs_client.ts");
    return createKafkajsClient(access, KAFKA_TIMES);
  }
  try {
    const { createPlatformaticClient } = await import("./platformatic_client.ts");
    return createPlatformaticClient(access, KAFKA_TIMES);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    const advice = "start with --allow-read, as the task start:cluster does";
    throw new StartError(`KAFKA_CLIENT=platformatic reads files of its own: ${error.message}; ${advice}`);
  }
}
