// What one measured shape of the append path is made of, and the messages its threads exchange.
import { z } from "zod";

export interface Shape {
  name: string;
  /** echo: parse and answer, no storage. log: decide, append, acknowledge. */
  kind: "echo" | "log";
  /** The thread that owns events.db. */
  events: "main" | "worker";
  encoding: "nested" | "flat" | "json";
  /** text: (aggregate_type, aggregate_id, sequence_number). stream: an integer id and a streams table. */
  table: "text" | "stream";
  /**
   * How an append learns its stream's head, always within the transaction that inserts.
   * select: a query per append. guard: the insert's own WHERE. column: UPDATE streams SET head.
   * memory: the sole owner remembers it and the unique index refuses what it forgot.
   */
  heads: "select" | "guard" | "column" | "memory";
  idBlob: boolean;
  /** Unique index at all? Only to see what it costs. */
  unique: boolean;
  pageSize: number;
  checkpointPages: number;
  cacheKiB: number;
  mmapMiB: number;
  synchronous: "FULL" | "NORMAL" | "OFF";
  exclusive: boolean;
  /** same: the worker that owns events.db owns views.db too. */
  views: "none" | "main" | "worker" | "same";
  viewIndexes: boolean;
  viewRowid: boolean;
  /** Milliseconds between two transactions of the projection. */
  viewEvery: number;
  body: "text" | "json" | "buffer";
  deadline: "none" | "each" | "wheel";
  ids: "none" | "v7" | "pooled" | "random";
}

export const base: Shape = {
  name: "",
  kind: "log",
  events: "worker",
  encoding: "nested",
  table: "stream",
  heads: "memory",
  idBlob: false,
  unique: true,
  pageSize: 4096,
  checkpointPages: 1000,
  cacheKiB: 2000,
  mmapMiB: 0,
  synchronous: "FULL",
  exclusive: false,
  views: "worker",
  viewIndexes: true,
  viewRowid: false,
  viewEvery: 20,
  body: "text",
  deadline: "none",
  ids: "pooled",
};

export const Command = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("Deposit"), amount: z.int().positive() }),
  z.strictObject({ type: z.literal("Withdraw"), amount: z.int().positive() }),
]);
export type Command = z.infer<typeof Command>;

export type Cell = string | number | null | Uint8Array;
/**
 * event_id, event_type, event_version, event_data, command_id, command_hash, causation_id, correlation_id, user_id,
 * timestamp, metadata.
 */
export type Row = Cell[];
export const ROW = 11;
/** aggregate type, aggregate id, expected version, rows. */
export type Append = [string, string, number, Row[]];
/** First position of an append, or what went wrong. */
export const CONFLICT = -1;
/** key, document as JSON, version. */
export type Upsert = [string, string, number];

export function encode(group: Append[], encoding: Shape["encoding"]): unknown {
  if (encoding === "nested") return group;
  if (encoding === "json") return JSON.stringify(group);
  const flat: Cell[] = [];
  for (const [type, id, expected, rows] of group) {
    flat.push(type, id, expected, rows.length);
    for (const row of rows) for (const cell of row) flat.push(cell);
  }
  return flat;
}

export function decode(message: unknown): Append[] {
  if (typeof message === "string") return JSON.parse(message);
  const flat = message as Cell[];
  if (flat.length === 0 || Array.isArray(flat[0])) return message as Append[];
  const group: Append[] = [];
  for (let i = 0; i < flat.length;) {
    const rows: Row[] = [];
    const append: Append = [flat[i] as string, flat[i + 1] as string, flat[i + 2] as number, rows];
    const count = flat[i + 3] as number;
    i += 4;
    for (let n = 0; n < count; n++, i += ROW) rows.push(flat.slice(i, i + ROW));
    group.push(append);
  }
  return group;
}
