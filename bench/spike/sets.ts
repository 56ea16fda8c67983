// The shapes compared, by question. The first of each set is the echo.
import { base, type Shape } from "./shape.ts";

const echo: Shape = { ...base, name: "echo", kind: "echo", ids: "none" };
const shape = (name: string, change: Partial<Shape>): Shape => ({ ...base, ...change, name });

// The first comparison was made before the encodings were compared.
const flat: Partial<Shape> = { encoding: "flat" };
const simple: Partial<Shape> = { table: "text", heads: "select", checkpointPages: 4000, viewEvery: 50 };
/** All away that a tail could come from, durability too. */
const bare: Partial<Shape> = { events: "main", views: "none", checkpointPages: 1e9, synchronous: "OFF" };

export const sets: Record<string, Shape[]> = {
  basic: [
    echo,
    shape("A one thread, no views", { ...flat, events: "main", views: "none" }),
    shape("A one thread, views too", { ...flat, events: "main", views: "main" }),
    shape("B events worker, no views", { ...flat, views: "none" }),
    shape("B events worker, views on main", { ...flat, views: "main" }),
    shape("C two workers", { ...flat, views: "worker" }),
    shape("C' one worker owns both", { ...flat, views: "same" }),
  ],
  encoding: [
    echo,
    shape("B nested arrays", { views: "none", encoding: "nested" }),
    shape("B one flat array", { views: "none", encoding: "flat" }),
    shape("B one JSON string", { views: "none", encoding: "json" }),
  ],
  table: [
    echo,
    shape("C stream id, head in memory", {}),
    shape("C stream id, select", { heads: "select" }),
    shape("C stream id, streams.head", { heads: "column" }),
    shape("C text key, head in memory", { table: "text" }),
    shape("C text key, select", { table: "text", heads: "select" }),
    shape("C text key, guard", { table: "text", heads: "guard" }),
  ],
  pragma: [
    echo,
    shape("C as SQLite comes", {}),
    shape("C autocheckpoint 4000", { checkpointPages: 4000 }),
    shape("C autocheckpoint 8000", { checkpointPages: 8000 }),
    shape("C autocheckpoint 8000, cache 64 MiB", { checkpointPages: 8000, cacheKiB: 65536 }),
    shape("C event_id blob", { idBlob: true }),
  ],
  view: [
    echo,
    shape("C views every 20 ms", {}),
    shape("C views every 5 ms", { viewEvery: 5 }),
    shape("C views every 100 ms", { viewEvery: 100 }),
    shape("C views every 250 ms", { viewEvery: 250 }),
    shape("C no expression index", { viewIndexes: false }),
    shape("C rowid table", { viewRowid: true }),
  ],
  body: [
    echo,
    shape("echo, body by json()", { kind: "echo", ids: "none", body: "json" }),
    shape("echo, body by arrayBuffer()", { kind: "echo", ids: "none", body: "buffer" }),
    shape("echo, a timer each", { kind: "echo", ids: "none", deadline: "each" }),
    shape("echo, shared deadline sweep", { kind: "echo", ids: "none", deadline: "wheel" }),
  ],
  tail: [
    echo,
    shape("C text key, select", simple),
    shape("C, never a checkpoint", { ...simple, checkpointPages: 1e9 }),
    shape("B, no views", { ...simple, views: "none" }),
    shape("B, no views, never a checkpoint", { ...simple, views: "none", checkpointPages: 1e9 }),
    shape("the same, no fsync", { ...simple, ...bare, events: "worker" }),
    shape("the same on one thread", { ...simple, ...bare }),
  ],
  final: [
    echo,
    shape("A' one thread, text key, select", { ...simple, events: "main", views: "main" }),
    shape("B' events worker, text key, select, views on main", { ...simple, views: "main" }),
    shape("C' one worker owns both, text key, select", { ...simple, views: "same" }),
    shape("C text key, select", simple),
    shape("C stream id, head in memory", { ...simple, table: "stream", heads: "memory" }),
  ],
};
