import type { Report } from "../report.ts";
import { percentile } from "../statistics.ts";
import type { LogBacklog } from "./change_log/log_backlog.ts";
import type { LoggedRound } from "./change_log/logged_rounds.ts";
import type { Idle, Idles } from "./idle.ts";
import type { KafkaBacklog } from "./kafka/kafka_backlog.ts";
import type { ReadableRound } from "./kafka/readable_rounds.ts";
import type { Paced } from "./paced.ts";
import type { Found } from "./part.ts";
import type { Replay } from "./replay.ts";
import { rawPerSecond, type Round } from "./rounds.ts";

/** Of each part its figures, each a ratio within its own round or what was found in it, and what they are made from. */
type Results = Omit<Found, "settings">;

export function ofRounds(rounds: readonly Round[]): Results {
  const of = (value: (round: Round) => number) => rounds.map(value);
  const visible = rounds.map((round) => round.visible);
  return {
    figures: {
      clusterCommands: of((round) => round.service.perSecond / rawPerSecond(round)),
      visibleP50: percentiles(visible, 50),
      visibleP99: percentiles(visible, 99),
    },
    rates: {
      "service: commands/s": of(({ service }) => service.perSecond),
      "service: p50 ms": of(({ service }) => service.p50Us / 1000),
      "service: p99 ms": of(({ service }) => service.p99Us / 1000),
      "service: caught up after full load, s": of(({ service }) => service.caughtUpMs / 1000),
      "raw driver: commits/s": of(rawPerSecond),
      "raw driver: p50 ms": of(({ raw: [before, after] }) => (before.p50Us + after.p50Us) / 2 / 1000),
      "raw driver: p99 ms": of(({ raw: [before, after] }) => Math.max(before.p99Us, after.p99Us) / 1000),
      ...pacedRates("paced", visible),
    },
  };
}

export function ofReplays(replays: readonly Replay[]): Results {
  return {
    figures: { clusterReplay: replays.map(({ perSecond, rawPerSecond }) => perSecond / rawPerSecond) },
    rates: {
      "replay: events/s": replays.map(({ perSecond }) => perSecond),
      "raw scan and upsert: events/s": replays.map(({ rawPerSecond }) => rawPerSecond),
    },
  };
}

export function ofIdles({ plain, logged }: Idles): Results {
  return {
    figures: { idleRequests: plain.map(total), logIdle: logged.map(total) },
    rates: { ...idleRates("idle", plain), ...idleRates("idle, with a log", logged) },
  };
}

export function ofLogged(rounds: readonly LoggedRound[]): Results {
  const visible = rounds.map((round) => round.visible);
  return {
    figures: { loggedP50: percentiles(visible, 50), loggedP99: percentiles(visible, 99) },
    rates: {
      "with a log: commands/s": rounds.map(({ service }) => service.perSecond),
      "with a log: caught up after full load, s": rounds.map(({ service }) => service.caughtUpMs / 1000),
      ...pacedRates("paced, with a log", visible),
      "paced, with a log: relied upon": rounds.map(({ isReliedOn }) => Number(isReliedOn)),
    },
  };
}

export function ofLogBacklogs(backlogs: readonly LogBacklog[]): Results {
  return {
    figures: { logBacklog: backlogs.map(({ perSecond, rawPerSecond }) => perSecond / rawPerSecond) },
    rates: {
      "log: rows/s": backlogs.map(({ perSecond }) => perSecond),
      "raw paged read: rows/s": backlogs.map(({ rawPerSecond }) => rawPerSecond),
    },
  };
}

export function ofKafkaBacklogs(backlogs: readonly KafkaBacklog[]): Results {
  const of = (client: KafkaBacklog["client"]) => backlogs.filter((backlog) => backlog.client === client);
  const ratios = (client: KafkaBacklog["client"]) => of(client).map((each) => each.perSecond / each.rawPerSecond);
  const rates = (["kafkajs", "platformatic"] as const).flatMap((client) => [
    [`${client}: events/s published`, of(client).map(({ perSecond }) => perSecond)],
    [`raw ${client}: events/s`, of(client).map(({ rawPerSecond }) => rawPerSecond)],
  ]);
  return {
    figures: { kafkajsBacklog: ratios("kafkajs"), platformaticBacklog: ratios("platformatic") },
    rates: Object.fromEntries(rates),
  };
}

export function ofReadable(rounds: readonly ReadableRound[]): Results {
  const readable = rounds.map((round) => round.readable);
  return {
    figures: { readableP50: percentiles(readable, 50), readableP99: percentiles(readable, 99) },
    rates: {
      "with Kafka: commands/s": rounds.map(({ service }) => service.perSecond),
      "with Kafka: published after full load, s": rounds.map(({ publishedMs }) => publishedMs / 1000),
      ...pacedRates("paced, with Kafka", readable),
    },
  };
}

function percentiles(rounds: readonly Paced[], percent: number): readonly number[] {
  return rounds.map(({ ms }) => percentile(ms, percent));
}

function pacedRates(name: string, rounds: readonly Paced[]): Report["rates"] {
  return {
    [`${name}: commands/s`]: rounds.map(({ perSecond }) => perSecond),
    [`${name}: followed`]: rounds.map(({ ms }) => ms.length),
  };
}

function idleRates(name: string, idles: readonly Idle[]): Report["rates"] {
  const kinds = [...new Set(idles.flatMap((idle) => [...idle.keys()]))].sort();
  return Object.fromEntries(kinds.map((kind) => [`${name}: ${kind}/s`, idles.map((idle) => idle.get(kind) ?? 0)]));
}

function total(idle: Idle): number {
  return idle.values().reduce((sum, rate) => sum + rate, 0);
}
