import type { Measured } from "../figures.ts";
import type { Report } from "../report.ts";
import { percentile } from "../statistics.ts";
import type { Idle } from "./idle.ts";
import type { Replay } from "./replay.ts";
import { rawPerSecond, type Round } from "./rounds.ts";

export type Results = {
  readonly rounds: readonly Round[];
  readonly replays: readonly Replay[];
  readonly idles: readonly Idle[];
};

/** The figures: each a ratio within its own round, or what was found in it. */
export function figuresOf({ rounds, replays, idles }: Results): Measured {
  const visible = (percent: number) => rounds.map((round) => percentile(round.visible.ms, percent));
  return {
    clusterCommands: rounds.map((round) => round.service.perSecond / rawPerSecond(round)),
    visibleP50: visible(50),
    visibleP99: visible(99),
    clusterReplay: replays.map(({ perSecond, rawPerSecond }) => perSecond / rawPerSecond),
    ...(idles.length === 0 ? {} : { idleRequests: idles.map(total) }),
  };
}

/** What the figures were made from. */
export function ratesOf({ rounds, replays, idles }: Results): Report["rates"] {
  const of = (value: (round: Round) => number) => rounds.map(value);
  const kinds = [...new Set(idles.flatMap((idle) => [...idle.keys()]))].sort();
  return {
    "service: commands/s": of(({ service }) => service.perSecond),
    "service: p50 ms": of(({ service }) => service.p50Us / 1000),
    "service: p99 ms": of(({ service }) => service.p99Us / 1000),
    "service: caught up after full load, s": of(({ service }) => service.caughtUpMs / 1000),
    "raw driver: commits/s": of(rawPerSecond),
    "raw driver: p50 ms": of(({ raw: [before, after] }) => (before.p50Us + after.p50Us) / 2 / 1000),
    "raw driver: p99 ms": of(({ raw: [before, after] }) => Math.max(before.p99Us, after.p99Us) / 1000),
    "paced: commands/s": of(({ visible }) => visible.perSecond),
    "paced: followed": of(({ visible }) => visible.ms.length),
    "replay: events/s": replays.map(({ perSecond }) => perSecond),
    "raw scan and upsert: events/s": replays.map(({ rawPerSecond }) => rawPerSecond),
    ...Object.fromEntries(kinds.map((kind) => [`idle: ${kind}/s`, idles.map((idle) => idle.get(kind) ?? 0)])),
  };
}

function total(idle: Idle): number {
  return idle.values().reduce((sum, rate) => sum + rate, 0);
}
