import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { chanceOf, printedSeed } from "../service/chance.ts";
import { Journal, readHistories } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { type Service, startService, temporaryDirectory } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { SseReader } from "../http/sse_reader.ts";
import { startKafka } from "./kafka/kafka.ts";
import type { JavaServer } from "./servers/java_server.ts";
import { assertPublished, metric, whenPublished } from "./published.ts";
import { within } from "../contract/surroundings.ts";

/** More of them by KAFKA_ROUNDS: each takes some seconds. */
const ROUNDS = Number(Deno.env.get("KAFKA_ROUNDS") ?? 10);
const WRITERS = 6;
/** Longer than a batch may take: then nobody knows what became of it. */
const LONG_PAUSE_MS = 14_000;
/**
 * Four times what the service keeps alive, however many events it has published: something kept of every event would
 * end it. Left out, V8 lets garbage gather by how fast it is made.
 */
const MAX_HEAP_MB = 192;
/** Beside that: the young generations of three threads, the page caches of both files, and the program itself. */
const MAX_MEMORY_BYTES = 700_000_000;

for (const [client, other] of [["kafkajs", "platformatic"], ["platformatic", "kafkajs"]] as const) {
  describe(`publishing on ${client} to a broker that is killed and frozen`, () => {
    it(`misses nothing and reorders nothing in ${ROUNDS} rounds under load, nor do live readers`, async () => {
      const seed = printedSeed("kafka_chaos");
      await using kafka = await startKafka();
      await using directory = await temporaryDirectory();
      const environment = {
        ...{ REDPANDA_BROKERS: kafka.address, KAFKA_CLIENT: client },
        DENO_V8_FLAGS: `--max-old-space-size=${MAX_HEAP_MB}`,
      };
      await using service = await startService({ directory: directory.path, task: "start:cluster", environment });
      const journal = new Journal();
      let isOver = false;
      const writing = new Writers(journal, { seed, count: WRITERS }).write(service, () => isOver);
      await using reader = await LiveReader.open(`${service.url}/topics/account-events`);
      const chance = chanceOf(seed);
      for (let round = 0; round < ROUNDS; round++) {
        await moment(chance.between(300, 1_500));
        await disturb(kafka, round);
      }
      isOver = true;
      await writing;
      await whenPublished(service);
      const { events, repeated } = await assertPublished(service, {
        ...{ address: kafka.address, client: other, paths: journal.paths() },
      });
      assert(journal.count("acknowledged") > 200, `expected some load, found ${journal.count("acknowledged")}`);
      assertEquals(journal.count("unknown"), 0);
      assertEquals(await metric(service, "projection_parked_aggregates", { projection: "publisher" }), 0);
      const memory = await metric(service, "process_resident_memory_bytes");
      console.log(`${client}: ${events} events published, ${repeated} of them repeated, ${memory / 1e6} MB`);
      assert(memory < MAX_MEMORY_BYTES, `expected less than ${MAX_MEMORY_BYTES} bytes, found ${memory}`);
      await within(assertTold(reader, service, journal), 60_000, "a live reader to be told everything");
    });
  });
}

/** Kills and restarts it, or freezes it for a while: now and then for longer than anybody waits. */
async function disturb(kafka: JavaServer, round: number): Promise<void> {
  if (round % 2 === 0) {
    await kafka.kill();
    await moment(500);
    return await kafka.restart();
  }
  kafka.pause();
  await moment(round % 4 === 1 ? LONG_PAUSE_MS : 2_000);
  kafka.resume();
}

/** Reads a topic from the first event on. When it is cut off as too slow, it goes on behind the last event it has. */
class LiveReader implements AsyncDisposable {
  /** The ids of events, those of an account in the order in which they came first. */
  readonly told = new Map<string, Set<string>>();
  readonly #topic: string;
  readonly #reading: Promise<void>;
  #reader: SseReader;
  #isOver = false;

  static async open(topic: string): Promise<LiveReader> {
    return new LiveReader(topic, await SseReader.open(`${topic}?from=beginning`));
  }

  private constructor(topic: string, reader: SseReader) {
    this.#topic = topic;
    this.#reader = reader;
    this.#reading = this.#readOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#reader[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #readOn(): Promise<void> {
    let after = "";
    while (!this.#isOver) {
      for (let event = await this.#reader.next(); event !== undefined; event = await this.#reader.next()) {
        const account = String(event.data.aggregate_id);
        const ids = this.told.get(account) ?? new Set();
        this.told.set(account, ids.add(String(event.data.event_id)));
        after = event.id ?? after;
      }
      if (this.#isOver) return;
      await this.#reader[Symbol.asyncDispose]();
      if (!this.#reader.response.ok) await moment(100);
      const from = after === "" ? "from=beginning" : `after=${encodeURIComponent(after)}`;
      this.#reader = await SseReader.open(`${this.#topic}?${from}`);
    }
  }
}

/** The reader was told everything, each account's events for the first time in order. */
async function assertTold(reader: LiveReader, service: Service, journal: Journal): Promise<void> {
  const paths = [...journal.paths()].filter((path) => path.startsWith("/accounts/"));
  for (const [path, events] of await readHistories(service, paths)) {
    const ids = () => reader.told.get(path.split("/")[2] ?? "") ?? new Set();
    while (ids().size < events.length) await moment(50);
    assertEquals([...ids()], events.map(({ event_id }) => event_id), `what a live reader was told of ${path}`);
  }
}
