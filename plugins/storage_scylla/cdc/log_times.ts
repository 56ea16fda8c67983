/** How the log is read. Everything here may be made small in a test. */
export type LogTimes = {
  /** Between two looks: while something comes, and at rest. */
  readonly busyLookMs: number;
  readonly idleLookMs: number;
  /** With so many streams that looks at rest are further apart, the log is no quicker than the announcements. */
  readonly quickLookMs: number;
  /** How far a look goes back behind the one before: nearly always a little, and the whole of it now and then. */
  readonly shortOverlapMs: number;
  readonly overlapMs: number;
  readonly overlapEveryMs: number;
  /** Who has fallen behind by more than this reads so much at a time, so that an error costs no more than that. */
  readonly windowMs: number;
  /** What is further back is left to the announcements. */
  readonly furthestBackMs: number;
  /** After a look that failed. */
  readonly againMs: number;
  /** Between two questions for new stream sets. */
  readonly setsEveryMs: number;
  /** For how long a set is read after another has begun. */
  readonly keepSetMs: number;
  /** How much later than the announcements the log may be. */
  readonly graceMs: number;
  /** For how long it is not relied upon after it did not show something in time. */
  readonly distrustMs: number;
};

export const LOG_TIMES: LogTimes = {
  busyLookMs: 50,
  idleLookMs: 100,
  quickLookMs: 150,
  shortOverlapMs: 150,
  overlapMs: 2_000,
  overlapEveryMs: 1_000,
  windowMs: 10_000,
  furthestBackMs: 15 * 60_000,
  againMs: 250,
  setsEveryMs: 5_000,
  keepSetMs: 15 * 60_000,
  graceMs: 1_000,
  distrustMs: 10_000,
};
