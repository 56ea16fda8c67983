export type Figure = {
  readonly name: string;
  readonly unit?: "ms" | "s" | "MB";
  readonly better: "more" | "less";
  readonly floor: number;
  readonly aim: number;
};

/**
 * The figures of the embedded store and of the cluster store, what each must reach, and what it should. Ratios are
 * taken within a round.
 */
export const FIGURES = {
  commands: { name: "durable commands/s / echo's, 128 connections", better: "more", floor: 0.15, aim: 0.3 },
  orders: { name: "the same with orders and Idempotency-Keys", better: "more", floor: 0.15, aim: 0.3 },
  processor: { name: "processor time a command / echo's", better: "less", floor: 7, aim: 4.5 },
  tail: { name: "p99 at 32 connections / (echo's + fsync's)", better: "less", floor: 4, aim: 2 },
  caughtUp: { name: "projections caught up after full load", unit: "s", better: "less", floor: 2, aim: 0.5 },
  oneAggregate: { name: "commands/s on one aggregate / on 10,000", better: "more", floor: 0.5, aim: 1 },
  longStream: { name: "a cold command on a long stream / on a short one", better: "less", floor: 2, aim: 1.2 },
  replay: { name: "projection replayed, events/s / raw loop's", better: "more", floor: 0.5, aim: 0.8 },
  start: { name: "start to first accepted command", unit: "ms", better: "less", floor: 600, aim: 300 },
  memory: { name: "memory after many commands less after a fifth", unit: "MB", better: "less", floor: 64, aim: 16 },
  clusterCommands: { name: "commands/s on CQL / raw driver's commits/s", better: "more", floor: 0.6, aim: 0.85 },
  visibleP50: { name: "acknowledged to visible, quarter load, p50", unit: "ms", better: "less", floor: 150, aim: 60 },
  visibleP99: { name: "the same, p99", unit: "ms", better: "less", floor: 1_000, aim: 300 },
  clusterReplay: { name: "events/s replayed from CQL / raw scan and upsert's", better: "more", floor: 0.4, aim: 0.7 },
  idleRequests: { name: "requests/s of an idle copy at the database", better: "less", floor: 200, aim: 50 },
  loggedP50: { name: "acknowledged to visible, by the log, p50", unit: "ms", better: "less", floor: 150, aim: 60 },
  loggedP99: { name: "the same, p99", unit: "ms", better: "less", floor: 1_000, aim: 300 },
  logBacklog: { name: "rows/s of a backlog of the log / raw paged read's", better: "more", floor: 0.5, aim: 0.8 },
  logIdle: { name: "requests/s of an idle copy, log of 16 streams", better: "less", floor: 200, aim: 50 },
  kafkajsBacklog: { name: "events/s published by kafkajs / raw client's", better: "more", floor: 0.6, aim: 0.9 },
  platformaticBacklog: {
    name: "events/s published by platformatic / raw client's",
    better: "more",
    floor: 0.6,
    aim: 0.9,
  },
  readableP50: { name: "acknowledged to readable in Kafka, p50", unit: "ms", better: "less", floor: 150, aim: 60 },
  readableP99: { name: "the same, p99", unit: "ms", better: "less", floor: 1_000, aim: 300 },
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;

/** What a figure came to, each round. */
export type Measured = Readonly<Partial<Record<FigureName, readonly number[]>>>;

export type Verdict = "aim" | "floor" | "missed";

export function verdict({ better, floor, aim }: Figure, value: number): Verdict {
  const reaches = (bound: number) => better === "more" ? value >= bound : value <= bound;
  if (reaches(aim)) return "aim";
  return reaches(floor) ? "floor" : "missed";
}
