import { manyRef, ref } from "./plugin.ts";

export type Labels = Readonly<Record<string, string>>;

/** Names and labels are fixed where the instrument is declared; a label's values come from a fixed set, never an id. */
export type Instrument<L extends string = string> = {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly L[];
};

export type Counter<L extends string> = {
  /** The counter of one set of labels; keep it where it is used often. */
  at(labels: Readonly<Record<L, string>>): { add(count?: number): void };
};
export type Histogram<L extends string> = {
  at(labels: Readonly<Record<L, string>>): { observe(value: number): void };
};
export type Reading<L extends string> = { readonly labels: Readonly<Record<L, string>>; readonly value: number };

/**
 * Where the engine and the plugins count. A counter or histogram declared twice under one name is the
 * same instrument; a gauge may be declared once.
 */
export type Telemetry = {
  counter<const L extends string = never>(instrument: Instrument<L>): Counter<L>;
  /** Durations in seconds. */
  histogram<const L extends string = never>(instrument: Instrument<L>): Histogram<L>;
  /** `read` is called at each collection. */
  gauge<const L extends string = never>(
    instrument: Instrument<L>,
    read: () => readonly Reading<L>[] | Promise<readonly Reading<L>[]>,
  ): void;
};

export const telemetryRef = ref<Telemetry>("telemetry");

/** Structured logging: a constant message and its fields. Never a line per event at `info`. */
export type Log = {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
};

export const logRef = ref<Log>("log");

/** A page or computed body that the operator's door serves at `path`. */
export type Asset = {
  readonly path: string;
  readonly contentType: string;
  readonly body: () => Promise<string>;
};

export const assetRef = manyRef<Asset>("asset");
