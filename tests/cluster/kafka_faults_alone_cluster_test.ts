import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DatabaseSync } from "node:sqlite";
import { Kafka, logLevel } from "kafkajs";
import deno from "../../deno.json" with { type: "json" };
import { moment, run } from "../service/program.ts";
import {
  assertStatus,
  runService,
  type Service,
  startService,
  surroundings,
  temporaryDirectory,
} from "../service/service.ts";
import { startKafka } from "./kafka/kafka.ts";
import { readTopic } from "./kafka/plain_consumer.ts";
import { assertPublished, metric, whenPublished } from "./published.ts";
import { freePorts } from "./servers/ports.ts";
import { STORES } from "./stores.ts";
import { within } from "../contract/surroundings.ts";

const AWAY_MS = 60_000;
const MAX_GROWTH_BYTES = 100_000_000;
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const DEPOSIT = { type: "Deposit", amount: 1 };
const TOPIC = "account-events";

for (const [name, open] of Object.entries(STORES)) {
  describe(`a broker that is away from a service on the ${name} store`, () => {
    it("from before the start and for a minute costs commands nothing, and then gets all of it in order", async () => {
      const [port = 0] = freePorts("127.0.0.1", 1);
      await using store = await open();
      const environment = { ...store.options.environment, REDPANDA_BROKERS: `127.0.0.1:${port}` };
      await using service = await startService({ ...store.options, environment });
      const ids = Array.from({ length: 16 }, (_, at) => `acc-${at}`);
      let accepted = 0;
      const send = async (id: string, command: unknown, status: number) => {
        assertStatus(await service.post(`/accounts/${id}`, command), status);
        accepted += 1;
      };
      const depositFor = async (ms: number) => {
        const until = performance.now() + ms;
        await Promise.all(ids.map(async (id) => {
          while (performance.now() < until) await send(id, DEPOSIT, 200);
        }));
        return await metric(service, "process_resident_memory_bytes");
      };
      for (const id of ids) await send(id, OPEN, 201);
      // What a service takes while it gets warm says nothing of what waits.
      const warm = await depositFor(AWAY_MS / 2);
      const growth = await depositFor(AWAY_MS / 2) - warm;
      assert(growth < MAX_GROWTH_BYTES, `expected to grow by less than ${MAX_GROWTH_BYTES} bytes, found ${growth}`);
      const { status, body } = await service.get("/readyz");
      assertEquals([status, body.status], [200, "warn"]);
      assert(await metric(service, "publish_failures_total", { topic: TOPIC }) > 0);
      await assertNothingParked(service);
      await using kafka = await startKafka({ port });
      await whenPublished(service);
      const published = await assertPublished(service, { ...reading(kafka.address), paths: pathsOf(ids) });
      console.log(`${name}: ${published.events} events waited, ${published.repeated} were repeated`);
      assertEquals(published.events, accepted);
      await assertNothingParked(service);
    });
  });
}

describe("a broker that is frozen", () => {
  for (const client of ["kafkajs", "platformatic"]) {
    it(`does not keep the service from stopping in time, on ${client}`, async () => {
      await using kafka = await startKafka();
      await using directory = await temporaryDirectory();
      const environment = { REDPANDA_BROKERS: kafka.address, KAFKA_CLIENT: client };
      const start = () => startService({ directory: directory.path, task: "start:cluster", environment });
      {
        await using service = await start();
        assertStatus(await service.post("/accounts/one", OPEN), 201);
        await whenPublished(service);
        kafka.pause();
        assertStatus(await service.post("/accounts/one", DEPOSIT), 200);
        await moment(500);
        const { code, stderr } = await service.end("SIGTERM");
        kafka.resume();
        assertEquals(code, 0, stderr);
      }
      await using service = await start();
      await whenPublished(service);
      const { events } = await assertPublished(service, { ...reading(kafka.address), paths: pathsOf(["one"]) });
      assertEquals(events, 2);
    });
  }
});

describe("a topic", () => {
  it("is made again when it was deleted, and what is published goes there", async () => {
    await using kafka = await startKafka();
    await using directory = await temporaryDirectory();
    await using service = await publishing(directory.path, kafka.address);
    assertStatus(await service.post("/accounts/one", OPEN), 201);
    await whenPublished(service);
    await withAdmin(kafka.address, async (admin) => {
      await admin.deleteTopics({ topics: [TOPIC] });
      // Until it is gone the broker takes messages for it, and deletes them.
      while ((await admin.listTopics()).includes(TOPIC)) await moment(50);
    });
    assertStatus(await service.post("/accounts/one", DEPOSIT), 200);
    assertStatus(await service.post("/accounts/two", OPEN), 201);
    await whenPublished(service);
    const records = await readTopic(TOPIC, reading(kafka.address));
    const places = records.map(({ key, headers }) => `${key}/${headers.ce_sequence}`);
    assertEquals([...new Set(places)].toSorted(), ["one/2", "two/1"]);
    assertEquals(await partitionsOf(kafka.address), 6);
  });

  it("is told again and not skipped when the watermark was lost", async () => {
    await using kafka = await startKafka();
    await using directory = await temporaryDirectory();
    {
      await using service = await publishing(directory.path, kafka.address);
      assertStatus(await service.post("/accounts/one", OPEN), 201);
      for (let count = 0; count < 20; count++) assertStatus(await service.post("/accounts/one", DEPOSIT), 200);
      await whenPublished(service);
      await service.end("SIGTERM");
    }
    const db = new DatabaseSync(`${directory.path}/store/events.db`);
    assertEquals(db.prepare("delete from progress where subscription = 'publisher'").run().changes, 1);
    db.close();
    await using service = await publishing(directory.path, kafka.address);
    assertStatus(await service.post("/accounts/one", DEPOSIT), 200);
    await whenPublished(service);
    const { events, repeated } = await assertPublished(service, {
      ...reading(kafka.address),
      paths: pathsOf(["one"]),
    });
    assertEquals(events, 22);
    assertGreaterOrEqual(repeated, 21);
  });

  it("is not told again when the read models are deleted", async () => {
    await using kafka = await startKafka();
    await using directory = await temporaryDirectory();
    {
      await using service = await publishing(directory.path, kafka.address);
      assertStatus(await service.post("/accounts/one", OPEN), 201);
      await whenPublished(service);
      await service.end("SIGTERM");
    }
    const before = await timesTold(kafka.address);
    for await (const { name } of Deno.readDir(`${directory.path}/store`)) {
      if (name.startsWith("views.db")) await Deno.remove(`${directory.path}/store/${name}`);
    }
    await using service = await publishing(directory.path, kafka.address);
    assertStatus(await service.post("/accounts/one", DEPOSIT), 200);
    await whenPublished(service);
    await assertPublished(service, { ...reading(kafka.address), paths: pathsOf(["one"]) });
    const after = await timesTold(kafka.address);
    assertEquals([before.size, after.size], [1, 2]);
    for (const [event, times] of before) assertEquals(after.get(event), times);
  });

  it("with other partitions than configured keeps the service from starting, in one line", async () => {
    await using kafka = await startKafka();
    await withAdmin(kafka.address, (admin) => admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 2 }] }));
    await using directory = await temporaryDirectory();
    const { code, stderr } = await runService(options(directory.path, kafka.address));
    assertEquals(code, 1);
    const expected = `annals: Cannot publish to ${TOPIC}: expected 6 partitions, found 2; set KAFKA_PARTITIONS=2, or ` +
      "delete the topic and republish\n";
    assertStringIncludes(stderr, expected);
  });
});

describe("deno task publish --republish", () => {
  it("sends again what was published, with the same ids and in order, and refuses while the service runs", async () => {
    await using kafka = await startKafka();
    await using directory = await temporaryDirectory();
    const ids = Array.from({ length: 150 }, (_, at) => `acc-${at}`);
    const environment = { REDPANDA_BROKERS: kafka.address, DATA_DIR: `${directory.path}/store` };
    {
      await using service = await publishing(directory.path, kafka.address);
      await Promise.all(ids.map((id) => service.post(`/accounts/${id}`, OPEN)));
      for (const id of ids) assertStatus(await service.post(`/accounts/${id}`, DEPOSIT), 200);
      await whenPublished(service);
      const refused = await republish(environment, ["--module=account"]);
      assertEquals(refused.code, 2);
      assertStringIncludes(refused.stderr, "another process uses it");
      await service.end("SIGTERM");
    }
    let before = await timesTold(kafka.address);
    assertEquals(before.size, 300);
    for (const selection of ["--module=account", "--topic=account-events", "--from=2020-01-01"]) {
      const { code, stdout, stderr } = await republish(environment, [selection]);
      assertEquals([code, /Done: 300 events sent again/.test(stdout)], [0, true], stdout + stderr);
      const again = await timesTold(kafka.address);
      assertEquals(new Set(again.keys()), new Set(before.keys()));
      assertEquals([...before].filter(([event, times]) => (again.get(event) ?? 0) <= times), [], "not sent again");
      before = again;
    }
    const { stdout } = await republish(environment, ["--aggregate=account/acc-7"]);
    assertStringIncludes(stdout, "Done: 2 events sent again");
    assertStringIncludes((await republish(environment, ["--to=2020-01-01"])).stdout, "Nothing that was published fits");
    for (const wrong of [[], ["--module=nothing"], ["--aggregate=account"], ["--from=soon"]]) {
      assertEquals((await republish(environment, wrong)).code, 1);
    }
    await using service = await publishing(directory.path, kafka.address);
    const { events, repeated } = await assertPublished(service, { ...reading(kafka.address), paths: pathsOf(ids) });
    assertEquals(events, 300);
    assertGreaterOrEqual(repeated, 902);
  });
});

describe("an event that is too large for the broker", () => {
  it("parks its aggregate and no other, and is published once the broker takes it", async () => {
    await using kafka = await startKafka({ settings: { "message.max.bytes": "20000" } });
    await using directory = await temporaryDirectory();
    const ids = Array.from({ length: 200 }, (_, at) => `acc-${at}`);
    const order = `/orders/${crypto.randomUUID()}`;
    {
      await using service = await publishing(directory.path, kafka.address);
      const create = { type: "CreateOrder", customer_id: crypto.randomUUID(), items: items(1) };
      assertStatus(await service.post(order, create), 201);
      const opening = ids.map((id) => service.post(`/accounts/${id}`, OPEN));
      assertStatus(await service.post(order, { type: "UpdateItems", items: items(800) }), 200);
      assertStatus(await service.post(order, { type: "UpdateItems", items: items(2) }), 200);
      await Promise.all(opening);
      for (let count = 0; count < 10; count++) {
        await Promise.all(ids.map((id) => service.post(`/accounts/${id}`, DEPOSIT)));
      }
      await whenPublished(service);
      assertEquals(await metric(service, "projection_parked_aggregates", { projection: "publisher" }), 1);
      assertEquals((await assertPublished(service, { ...reading(kafka.address), paths: pathsOf(ids) })).events, 2_200);
      const sent = await readTopic("order-events", reading(kafka.address));
      assertEquals(new Set(sent.map(({ headers }) => headers.ce_sequence)), new Set(["1"]));
      await service.end("SIGTERM");
    }
    await withAdmin(kafka.address, (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{
          type: 2,
          name: "order-events",
          configEntries: [{ name: "max.message.bytes", value: "1000000" }],
        }],
      }));
    await using service = await publishing(directory.path, kafka.address);
    await within(untilHealed(service), 30_000, "the order to be published");
    const { events } = await assertPublished(service, { ...reading(kafka.address), paths: [order] });
    assertEquals(events, 3);
  });
});

/** Neither now nor since the start, for whatever subscription. */
async function assertNothingParked(service: Service): Promise<void> {
  const { body } = assertStatus(await service.get("/operations/dead-letters", { door: "operator" }), 200);
  assertEquals(body, { items: [], next: null });
  assertEquals(await metric(service, "projection_parked_aggregates"), 0);
  assertEquals(await metric(service, "dlq_messages_total"), 0);
}

function republish(environment: Readonly<Record<string, string>>, selection: readonly string[]) {
  const [command = "", ...args] = deno.tasks.publish.command.split(" ");
  return run(command, {
    args: [...args, "--republish", ...selection],
    environment: { ...surroundings(), ...environment },
  });
}

function options(directory: string, address: string) {
  return { directory, environment: { REDPANDA_BROKERS: address } };
}

function publishing(directory: string, address: string): Promise<Service> {
  return startService(options(directory, address));
}

function reading(address: string) {
  return { address, client: "platformatic" as const };
}

/** How often the topic tells of each event: more than once where the broker did not answer in time. */
async function timesTold(address: string): Promise<ReadonlyMap<string, number>> {
  const records = await readTopic(TOPIC, reading(address));
  const byEvent = Map.groupBy(records, ({ key, headers }) => `${key}/${headers.ce_sequence}/${headers.ce_id}`);
  return new Map([...byEvent].map(([event, told]) => [event, told.length]));
}

function pathsOf(ids: readonly string[]): string[] {
  return ids.map((id) => `/accounts/${id}`);
}

function items(count: number) {
  return Array.from({ length: count }, () => ({ product_id: crypto.randomUUID(), quantity: 1 }));
}

async function untilHealed(service: Service): Promise<void> {
  while (await metric(service, "projection_parked_aggregates", { projection: "publisher" }) > 0) await moment(50);
}

async function withAdmin<T>(address: string, work: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function partitionsOf(address: string): Promise<number> {
  const { topics: [topic] } = await withAdmin(address, (admin) => admin.fetchTopicMetadata({ topics: [TOPIC] }));
  return topic?.partitions.length ?? 0;
}
