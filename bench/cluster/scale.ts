/** How long, and how much of it, everything is measured. */
export type Scale = {
  readonly rounds: number;
  readonly seconds: number;
  /** Of each copy, and of the database before all rounds. */
  readonly warmUpSeconds: number;
  readonly serverWarmUpSeconds: number;
  readonly pacedSeconds: number;
  readonly samplesPerSecond: number;
  readonly streams: number;
  readonly eventsPerStream: number;
  readonly idleSeconds: number;
  readonly loggedCommits: number;
  readonly unpublishedEvents: number;
};

export const FULL: Scale = {
  rounds: 3,
  seconds: 8,
  warmUpSeconds: 4,
  serverWarmUpSeconds: 15,
  pacedSeconds: 12,
  samplesPerSecond: 20,
  streams: 8_000,
  eventsPerStream: 10,
  idleSeconds: 20,
  loggedCommits: 100_000,
  unpublishedEvents: 200_000,
};

export const QUICK: Scale = {
  rounds: 3,
  seconds: 2,
  warmUpSeconds: 1,
  serverWarmUpSeconds: 6,
  pacedSeconds: 3,
  samplesPerSecond: 20,
  streams: 1_000,
  eventsPerStream: 10,
  idleSeconds: 5,
  loggedCommits: 15_000,
  unpublishedEvents: 40_000,
};
