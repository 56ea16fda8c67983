import { DatabaseSync } from "node:sqlite";
import deno from "../deno.json" with { type: "json" };
import { wrkVersion } from "./load.ts";
import { cat } from "./process.ts";

export type Durability = { readonly journalMode: string; readonly synchronous: string };

/** What the figures were measured on and with. */
export async function describeMachine(): Promise<Readonly<Record<string, string>>> {
  const wrk = await wrkVersion();
  const processor = /model name\s*: (.*)/.exec(await cat("/proc/cpuinfo"))?.[1] ?? "unknown";
  const memory = Number(/MemTotal:\s+(\d+) kB/.exec(await cat("/proc/meminfo"))?.[1]) / 1e6;
  const system = (await cat("/proc/sys/kernel/osrelease")).trim();
  const load = (await cat("/proc/loadavg")).split(" ", 1)[0] ?? "";
  using db = new DatabaseSync(":memory:");
  return {
    processor: `${navigator.hardwareConcurrency} x ${processor}`,
    memory: `${memory.toFixed(0)} GB`,
    system: `Linux ${system}`,
    load_before: load,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    sqlite: String(db.prepare("select sqlite_version() as version").get()?.version),
    wrk,
  };
}

/** The driver of the cluster store, as the service gets it. */
export const DRIVER = deno.imports["cassandra-driver"].replace("npm:", "");

/**
 * The journal as the service's own file has it. How often a connection syncs is not kept in the file: the service asks
 * SQLite for `synchronous=FULL`, reads it back, and does not start with anything else.
 */
export function readDurability(directory: string): Durability {
  using db = new DatabaseSync(`${directory}/events.db`, { readOnly: true });
  const journalMode = String(db.prepare("pragma journal_mode").get()?.journal_mode);
  return { journalMode, synchronous: "FULL, as read back by the service at its start" };
}
