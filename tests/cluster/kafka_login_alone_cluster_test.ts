import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { KAFKA_TIMES, type KafkaAccess } from "../../plugins/broker_kafka/kafka_client.ts";
import { KafkaError } from "../../plugins/broker_kafka/kafka_error.ts";
import { CLIENTS, messageOf, SETTINGS, uniqueTopic, whenLed } from "../../plugins/broker_kafka/test_kafka.ts";
import { assertStatus, runService, startService, temporaryDirectory } from "../service/service.ts";
import { startSecuredKafka } from "./kafka/secured_kafka.ts";
import { whenPublished } from "./published.ts";

const USER = "annals";
const PASSWORD = "a1long2secret3of4letters";
const WRONG = "another5secret6of7letters";
const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;

describe("a broker behind TLS and a login", () => {
  it("takes either client in by each mechanism, and says who is denied without the password", async () => {
    await using kafka = await startSecuredKafka({ [USER]: PASSWORD });
    const tls = { ca: kafka.authority };
    for (const name of ["kafkajs", "platformatic"] as const) {
      for (const mechanism of MECHANISMS) {
        const sasl = { mechanism, username: USER, password: PASSWORD };
        await assertUsable(name, { brokers: [kafka.address], tls, sasl });
        const denied = { brokers: [kafka.address], tls, sasl: { ...sasl, password: WRONG } };
        assertEquals((await failure(name, denied)).kind, "denied", `${name} by ${mechanism}`);
      }
      await assertUsable(name, { brokers: [kafka.tlsAddress], tls, sasl: undefined });
      const untrusted = { brokers: [kafka.tlsAddress], tls: { ca: undefined }, sasl: undefined };
      assertEquals((await failure(name, untrusted, 2_000)).kind, "away");
    }
  });

  it("lets the service in by its environment, and keeps it out in one line without a secret", async () => {
    await using kafka = await startSecuredKafka({ [USER]: PASSWORD });
    await using directory = await temporaryDirectory();
    const authority = `${directory.path}/authority.pem`;
    await Deno.writeTextFile(authority, kafka.authority);
    const environment = {
      REDPANDA_BROKERS: kafka.address,
      KAFKA_TLS: "on",
      KAFKA_CA_FILE: authority,
      KAFKA_SASL: "scram-sha-512",
      KAFKA_USERNAME: USER,
      KAFKA_PASSWORD: PASSWORD,
    };
    {
      await using service = await startService({ directory: directory.path, environment });
      const open = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
      assertStatus(await service.post("/accounts/one", open), 201);
      await whenPublished(service);
      await service.end("SIGTERM");
      assertNoSecret(service.program.stdout + service.program.stderr);
    }
    const wrong = { ...environment, KAFKA_PASSWORD: WRONG };
    const { code, stdout, stderr } = await runService({ directory: directory.path, environment: wrong });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "annals: Cannot use the broker: Kafka:");
    assertNoSecret(stdout + stderr);
  });
});

async function assertUsable(name: keyof typeof CLIENTS, access: KafkaAccess): Promise<void> {
  const client = CLIENTS[name](access, KAFKA_TIMES);
  const topic = uniqueTopic();
  try {
    assertEquals(await client.ensureTopics([topic], SETTINGS), new Map([[topic, 3]]));
    await whenLed(client, topic);
    const producer = await client.openProducer();
    await producer.send({ topic, partition: 1, messages: [messageOf("a", 1)] });
    producer.close();
    const reader = await client.openReader();
    const { records } = await reader.fetch({ topic, from: new Map([[1, 0]]), maxBytes: 1_000, waitMs: 0 });
    assertEquals(records.map(({ key }) => key), ["a"]);
    reader.close();
  } finally {
    await client.close();
  }
}

async function failure(name: keyof typeof CLIENTS, access: KafkaAccess, connectMs = 20_000): Promise<KafkaError> {
  const client = CLIENTS[name](access, { connectMs, requestMs: 2 * connectMs });
  const error = await assertRejects(() => client.ensureTopics(["a"], SETTINGS), KafkaError);
  await client.close();
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    assertNoSecret(Deno.inspect(each, { depth: 20, showHidden: true }));
  }
  return error;
}

function assertNoSecret(text: string): void {
  for (const secret of [PASSWORD, WRONG]) assert(!text.includes(secret), `expected no password, found one in ${text}`);
}
