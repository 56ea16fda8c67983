import type { Figure } from "../figures.ts";

/** The figures of the cluster store, what each must reach, and what it should. Ratios are taken within a round. */
export const CLUSTER_FIGURES = {
  commands: { name: "commands/s / the raw driver's commits/s, 64 at a time", better: "more", floor: 0.6, aim: 0.85 },
  visibleP50: {
    name: "acknowledged to visible at a quarter of full load, p50",
    unit: "ms",
    better: "less",
    floor: 150,
    aim: 60,
  },
  visibleP99: { name: "the same, p99", unit: "ms", better: "less", floor: 1_000, aim: 300 },
  replay: { name: "projection replayed, events/s / raw scan and upsert's", better: "more", floor: 0.4, aim: 0.7 },
  idle: { name: "requests/s of an idle copy at the database", better: "less", floor: 200, aim: 50 },
} as const satisfies Record<string, Figure>;

export type ClusterFigureName = keyof typeof CLUSTER_FIGURES;

/** What a figure came to, each round. */
export type ClusterMeasured = Readonly<Partial<Record<ClusterFigureName, readonly number[]>>>;
