import { Admin } from "@platformatic/kafka";
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import { startSecuredKafka } from "./secured_kafka.ts";

const LOGIN = { username: "alice", password: "wonderland" };
const STRANGER = { ...LOGIN, password: "looking glass" };
const USERS = { [LOGIN.username]: LOGIN.password };
const WAYS: ((login: typeof LOGIN) => SASLOptions)[] = [
  (login) => ({ mechanism: "plain", ...login }),
  (login) => ({ mechanism: "scram-sha-256", ...login }),
  (login) => ({ mechanism: "scram-sha-512", ...login }),
];

describe("startSecuredKafka", () => {
  it("lets its users in over TLS, and nobody else", async () => {
    await using kafka = await startSecuredKafka(USERS);
    const { address, authority } = kafka;
    const ssl = { ca: [authority] };
    for (const way of WAYS) {
      assertEquals(await brokersSeenBy({ brokers: [address], ssl, sasl: way(LOGIN) }), [address]);
      const stranger = brokersSeenBy({ brokers: [address], ssl, sasl: way(STRANGER) });
      await assertRejects(() => stranger, Error, "uthentication");
      const trusting = brokersSeenBy({ brokers: [address], ssl: true, sasl: way(LOGIN) });
      await assertRejects(() => trusting, Error, "certificate");
    }
    await assertRejects(() => brokersSeenBy({ brokers: [address], ssl }), Error);
    assertEquals(await brokersSeenByPlatformatic(kafka), [address]);
  });

  it("has a way in by TLS alone, and a plain one", async () => {
    await using kafka = await startSecuredKafka(USERS);
    const { server, tlsAddress, authority } = kafka;
    assertEquals(await brokersSeenBy({ brokers: [tlsAddress], ssl: { ca: [authority] } }), [tlsAddress]);
    await assertRejects(() => brokersSeenBy({ brokers: [tlsAddress] }), Error);
    assertEquals(await brokersSeenBy({ brokers: [server.address] }), [server.address]);
  });
});

async function brokersSeenBy(config: KafkaConfig): Promise<string[]> {
  const retry = { retries: 0 };
  const admin = new Kafka({ ...config, logLevel: logLevel.NOTHING, connectionTimeout: 5_000, retry }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.map(({ host, port }) => `${host}:${port}`);
  } finally {
    await admin.disconnect();
  }
}

async function brokersSeenByPlatformatic({ address, authority }: { address: string; authority: string }) {
  const admin = new Admin({
    clientId: "test",
    bootstrapBrokers: [address],
    tls: { ca: authority },
    sasl: { mechanism: "SCRAM-SHA-512", ...LOGIN },
    retries: 0,
  });
  try {
    const { brokers } = await admin.metadata({});
    return [...brokers.values()].map(({ host, port }) => `${host}:${port}`);
  } finally {
    await admin.close();
  }
}
