import type { JavaServer } from "../../tests/cluster/servers/java_server.ts";
import type { Report } from "../report.ts";
import type { BenchDatabase } from "./database.ts";
import type { Scale } from "./scale.ts";

export type Given = {
  readonly scale: Scale;
  /** Started when it is first asked for, as is the broker. */
  readonly database: () => Promise<BenchDatabase>;
  readonly kafka: () => Promise<JavaServer>;
  readonly say: (line: string) => void;
};

export type Found = Pick<Report, "figures" | "rates" | "settings">;

/** What can be measured without the rest, by its name. */
export type Part = { readonly name: string; readonly measure: (given: Given) => Promise<Found> };
