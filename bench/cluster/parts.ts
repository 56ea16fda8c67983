import { measureLogBacklog, ROWS_PER_COMMIT } from "./change_log/log_backlog.ts";
import { measureLogged } from "./change_log/logged_rounds.ts";
import { STREAMS } from "./change_log/log.ts";
import { measureIdles } from "./idle.ts";
import { measureKafkaBacklog } from "./kafka/kafka_backlog.ts";
import { measureReadable } from "./kafka/readable_rounds.ts";
import { CONCURRENCY } from "./load.ts";
import type { Part } from "./part.ts";
import { measureReplay } from "./replay.ts";
import { ofIdles, ofKafkaBacklogs, ofLogBacklogs, ofLogged, ofReadable, ofReplays, ofRounds } from "./results.ts";
import { measureRounds } from "./rounds.ts";

/** In the order in which they are measured: those with Kafka last, so that it runs beside none of the others. */
export const PARTS: readonly Part[] = [
  {
    name: "commands",
    async measure({ database, scale, say }) {
      const { rounds, seconds, pacedSeconds, samplesPerSecond } = scale;
      const settings = {
        load: `${rounds} rounds of ${seconds} s a load, ${CONCURRENCY} at a time, each opens an account`,
        paced: `${pacedSeconds} s a round, ${samplesPerSecond} a second followed by asking the view again and again`,
      };
      return { ...ofRounds(await measureRounds(await database(), { ...scale, say })), settings };
    },
  },
  {
    name: "replay",
    async measure({ database, scale, say }) {
      const opened = await database();
      const keyspace = await opened.migrated("replay");
      const settings = { replay: `${scale.streams} streams of ${scale.eventsPerStream} events` };
      return { ...ofReplays(await measureReplay({ database: opened, keyspace }, { ...scale, say })), settings };
    },
  },
  {
    name: "idle",
    async measure(given) {
      const { nodes } = await given.database();
      // Past one node of several a driver goes to the others by itself, and nobody would count that.
      if (nodes > 1) return { figures: {}, rates: {}, settings: { idle: "not measured: there are several nodes" } };
      const { rounds, idleSeconds } = given.scale;
      const settings = {
        idle: `${rounds} times ${idleSeconds} s, two copies side by side, one with ${STREAMS} streams`,
      };
      return { ...ofIdles(await measureIdles(given)), settings };
    },
  },
  {
    name: "change_log",
    async measure(given) {
      const settings = { change_log: "written beside the commits by the tests' writer, before they are answered" };
      return { ...ofLogged(await measureLogged(given)), settings };
    },
  },
  {
    name: "change_log_backlog",
    async measure(given) {
      const rows = given.scale.loggedCommits * ROWS_PER_COMMIT;
      return { ...ofLogBacklogs(await measureLogBacklog(given)), settings: { change_log_backlog: `${rows} rows` } };
    },
  },
  {
    name: "kafka_backlog",
    async measure(given) {
      const settings = { kafka_backlog: `about ${given.scale.unpublishedEvents} events on the embedded store` };
      return { ...ofKafkaBacklogs(await measureKafkaBacklog(given)), settings };
    },
  },
  {
    name: "kafka_readable",
    async measure(given) {
      const settings = { kafka_readable: "published by kafkajs, read by a consumer of kafkajs" };
      return { ...ofReadable(await measureReadable(given)), settings };
    },
  },
];
