import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printedSeed } from "../service/chance.ts";
import { Journal, readHistories } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { type Service, startService } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { startKafka } from "./kafka/kafka.ts";
import { readTopic } from "./kafka/plain_consumer.ts";
import { assertPublished, metric } from "./published.ts";
import { cassandraAddress } from "./server.ts";

const LOAD_MS = 4_000;
/** A lease is taken over by then. */
const PAUSE_MS = 12_000;

for (const [client, other] of [["kafkajs", "platformatic"], ["platformatic", "kafkajs"]] as const) {
  describe(`copies on one cluster store, publishing on ${client}`, () => {
    it("miss and reorder nothing when one is paused past its lease while the other publishes, and wakes", async () => {
      await using kafka = await startKafka();
      await using keyspace = await freshKeyspace("publish");
      const environment = {
        ...{ SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name },
        ...{ REDPANDA_BROKERS: kafka.address, KAFKA_CLIENT: client },
      };
      const start = () => startService({ directory: "data/none", task: "start:cluster", environment });
      await using first = await start();
      await using second = await start();
      const journal = new Journal();
      let isOver = false;
      const writing = new Writers(journal, { seed: printedSeed("kafka_copies"), count: 6 }).write(second, () => isOver);
      await moment(LOAD_MS);
      for (let round = 0; round < 2; round++) {
        first.program.kill("SIGSTOP");
        await moment(PAUSE_MS);
        first.program.kill("SIGCONT");
        await moment(LOAD_MS);
      }
      isOver = true;
      await writing;
      const paths = journal.paths();
      await whenAllPublished(second, paths, kafka.address);
      const { events, repeated } = await assertPublished(second, { address: kafka.address, client: other, paths });
      console.log(`${client}: ${events} events published by two copies, ${repeated} repeated`);
      for (const copy of [first, second]) {
        const sent = await metric(copy, "cdc_events_processed_total", { subscription: "publisher" });
        assert(sent > 0, "expected either copy to publish its share");
        assertEquals(await metric(copy, "projection_parked_aggregates", { projection: "publisher" }), 0);
      }
    });
  });
}

/**
 * A copy knows only its own share of the backlog: what counts is that the last event of each aggregate is there,
 * whether anybody was told of it or not.
 */
async function whenAllPublished(service: Service, paths: Iterable<string>, address: string): Promise<void> {
  const last = [...(await readHistories(service, paths)).values()].flatMap((history) => history.slice(-1));
  const wanted = new Map(last.map(({ aggregate_id, sequence_number }) => [aggregate_id, sequence_number]));
  for (let tries = 0; wanted.size > 0; tries++) {
    assert(tries < 60, `expected all to be published within a minute, missing ${wanted.size} aggregates`);
    for (const topic of ["account-events", "order-events"]) {
      for (const { key, headers } of await readTopic(topic, { address, client: "kafkajs" })) {
        if (Number(headers.ce_sequence) >= (wanted.get(key ?? "") ?? Infinity)) wanted.delete(key ?? "");
      }
    }
    if (wanted.size > 0) await moment(1_000);
  }
}
