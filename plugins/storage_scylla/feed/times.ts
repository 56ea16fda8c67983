/** How patient the feed is. Everything here may be made small in a test. */
export type FeedTimes = {
  /** Between two polls of what is being announced: while something comes, and at rest. */
  readonly busyPollMs: number;
  readonly idlePollMs: number;
  /** The same while somebody else shows it sooner, and this is only for proof. */
  readonly coveredPollMs: number;
  /** How far a poll looks back behind what it has seen: nearly always a little, and the whole of it now and then. */
  readonly shortOverlapMs: number;
  readonly overlapMs: number;
  readonly overlapEveryMs: number;
  /** At which ages a minute is read whole again; at the last one it closes. */
  readonly rereadAgesMs: readonly number[];
  /** An announcement whose commit is not there is looked at again after these times, and then less and less often. */
  readonly lookAgainMs: readonly number[];
  /** After this long with a serial read, which finishes what is under way. */
  readonly serialAfterMs: number;
  /** And after this long its commit is made impossible. */
  readonly fenceAfterMs: number;
  /** How many minutes before its low water an owner begins. */
  readonly minutesBack: number;
  /** Beyond this age the announcements may have expired: what they told is found by a scan. */
  readonly scanBeyondMs: number;
  /** Between two looks at a minute that a subscription has not finished: from the first to the last of these. */
  readonly checkAgainMs: readonly [number, number];
  /** When an audit begins after a start, and how long after one has begun the next one does. */
  readonly auditMs: readonly [number, number];
  /** How many watermarks an audit may ask for in a second. */
  readonly auditReadsPerSecond: number;
  /** How far behind a low water an event must lie, to be expected of it: more than clocks of servers may differ. */
  readonly auditGraceMs: number;
};

export const FEED_TIMES: FeedTimes = {
  busyPollMs: 50,
  idlePollMs: 150,
  coveredPollMs: 1_000,
  shortOverlapMs: 250,
  overlapMs: 3_000,
  overlapEveryMs: 1_000,
  rereadAgesMs: [5_000, 60_000, 600_000],
  lookAgainMs: [50, 200, 1_000],
  serialAfterMs: 5_000,
  fenceAfterMs: 30_000,
  minutesBack: 15,
  scanBeyondMs: 6 * 24 * 3_600_000,
  checkAgainMs: [500, 30_000],
  auditMs: [15 * 60_000, 24 * 3_600_000],
  auditReadsPerSecond: 20,
  auditGraceMs: 5 * 60_000,
};

export const MINUTE_MS = 60_000;

export function minuteOf(atMs: number): number {
  return Math.floor(atMs / MINUTE_MS);
}
