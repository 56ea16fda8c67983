import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { accessOf, kafkaConfig, settingsOf } from "./config.ts";

const PASSWORD = "s3cret";

describe("the configuration of the broker", () => {
  it("needs nothing but brokers", async () => {
    const config = kafkaConfig.parse({ REDPANDA_BROKERS: "one, two:19092,[::1]:9" });
    assertEquals(config.KAFKA_CLIENT, "kafkajs");
    assertEquals(settingsOf(config), { partitions: 6, replication: undefined, retentionMs: -1 });
    const brokers = ["one:9092", "two:19092", "[::1]:9"];
    assertEquals(await accessOf(config), { brokers, tls: undefined, sasl: undefined });
  });

  it("takes a login and certificates", async () => {
    const config = kafkaConfig.parse({
      REDPANDA_BROKERS: "one",
      KAFKA_CLIENT: "platformatic",
      KAFKA_PARTITIONS: "12",
      KAFKA_REPLICATION: "3",
      KAFKA_RETENTION_MS: "86400000",
      KAFKA_TLS: "on",
      KAFKA_CA_FILE: "deno.json",
      KAFKA_SASL: "scram-sha-256",
      KAFKA_USERNAME: "annals",
      KAFKA_PASSWORD: PASSWORD,
    });
    assertEquals(settingsOf(config), { partitions: 12, replication: 3, retentionMs: 86_400_000 });
    const { tls, sasl } = await accessOf(config);
    assertEquals(tls, { ca: await Deno.readTextFile("deno.json") });
    assertEquals(sasl, { mechanism: "scram-sha-256", username: "annals", password: PASSWORD });
  });

  it("says what is missing or wrong, and never a password", async () => {
    const wrong: [Record<string, string>, string][] = [
      [{ KAFKA_SASL: "plain", KAFKA_PASSWORD: PASSWORD }, "KAFKA_SASL=plain needs KAFKA_USERNAME and KAFKA_PASSWORD"],
      [{ KAFKA_SASL: "plain", KAFKA_USERNAME: "a" }, "KAFKA_SASL=plain needs KAFKA_USERNAME and KAFKA_PASSWORD"],
      [{ KAFKA_USERNAME: "a", KAFKA_PASSWORD: PASSWORD }, "expected KAFKA_SASL"],
      [{ KAFKA_CA_FILE: "deno.json" }, "set KAFKA_TLS=on"],
      [{ KAFKA_TLS: "on", KAFKA_CA_FILE: "no/such.pem" }, "Cannot read the certificates of KAFKA_CA_FILE=no/such.pem"],
    ];
    for (const [variables, expected] of wrong) {
      const config = kafkaConfig.parse({ REDPANDA_BROKERS: "one", ...variables });
      const { message } = await assertRejects(() => accessOf(config), StartError);
      assertStringIncludes(message, expected);
      assert(!message.includes(PASSWORD), message);
    }
    const malformed = ["", "one:", "kafka://one", "one;two", "one:123456"];
    for (const REDPANDA_BROKERS of malformed) assert(!kafkaConfig.safeParse({ REDPANDA_BROKERS }).success);
    const numbers: [name: string, values: readonly string[], expected: string][] = [
      ["KAFKA_PARTITIONS", ["0", "-1", "x", "1.5", "1001", ""], "expected a whole number from 1 to 1000"],
      ["KAFKA_REPLICATION", ["0", "x", "1000", ""], "expected a whole number from 1 to 999"],
      ["KAFKA_RETENTION_MS", ["x", "-2", "1.5", ""], "expected milliseconds, or -1: for ever"],
    ];
    for (const [name, values, expected] of numbers) {
      for (const value of values) {
        const { error } = kafkaConfig.safeParse({ REDPANDA_BROKERS: "one", [name]: value });
        assertEquals(error?.issues.map(({ message }) => message), [expected], `${name}=${value}`);
      }
    }
  });
});
