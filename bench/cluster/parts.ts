import { measureLogBacklog, ROWS_PER_COMMIT } from "./change_log/log_backlog.ts";
import { startLogged } from "./change_log/logged_copy.ts";
import { measureLogged } from "./change_log/logged_rounds.ts";
import { STREAMS } from "./change_log/written_log.ts";
import { type Place, startCopy } from "./copy.ts";
import { type Idle, type IdleOptions, measureIdle } from "./idle.ts";
import { measureKafkaBacklog } from "./kafka/kafka_backlog.ts";
import { measureReadable } from "./kafka/readable_rounds.ts";
import { CONCURRENCY } from "./load.ts";
import type { Given, Part } from "./part.ts";
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
      const idles = await idleOf(given, { purpose: "idle", start: startCopy });
      return { ...ofIdles("idleRequests", idles), settings: { idle: idleSetting(idles, given) } };
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
    name: "change_log_idle",
    async measure(given) {
      const start = (place: Place) => startLogged("reads", place);
      const idles = await idleOf(given, { purpose: "log_idle", start, prepare: makeLog });
      return {
        ...ofIdles("logIdle", idles),
        settings: { change_log_idle: `${STREAMS} streams, ${idleSetting(idles, given)}` },
      };
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

type IdleKind = {
  readonly purpose: string;
  readonly start: IdleOptions["start"];
  readonly prepare?: (place: Place) => Promise<void>;
};

/** None where there are several nodes: a driver goes to the others by itself, past who counts. */
async function idleOf(
  { database, scale, say }: Given,
  { purpose, start, prepare = () => Promise.resolve() }: IdleKind,
): Promise<readonly Idle[]> {
  const opened = await database();
  if (opened.nodes > 1) return [];
  const place = { address: opened.address, keyspace: await opened.migrated(purpose) };
  await prepare(place);
  return await measureIdle(place, { start, rounds: scale.rounds, seconds: scale.idleSeconds, say });
}

function idleSetting(idles: readonly Idle[], { scale }: Given): string {
  if (idles.length === 0) return "not measured: counted before a single node only";
  return `${scale.rounds} times ${scale.idleSeconds} s`;
}

/** A copy that writes the log makes it when it starts. */
async function makeLog(place: Place): Promise<void> {
  await using _writing = await startLogged("writes", place);
}
