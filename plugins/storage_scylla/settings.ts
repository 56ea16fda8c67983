import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Layout } from "./partitions.ts";
import { repeat } from "./schema_lease.ts";
import type { CqlSession } from "./session.ts";

/** What every copy that uses a keyspace must agree on, for good. */
export type Settings = Layout & {
  /** Conditions are decided by this data centre alone: with two, each would let another writer win. */
  readonly homeDc: string;
};

const INSERT = "INSERT INTO cluster_settings (name, value) VALUES (?, ?) IF NOT EXISTS";
const SELECT = "SELECT value FROM cluster_settings WHERE name = ?";

/** Records the settings where nobody has yet; throws a `StartError` where others were recorded. */
export async function agreeOnSettings(
  { session, runtime, keyspace }: {
    readonly session: CqlSession;
    readonly runtime: Runtime;
    readonly keyspace: string;
  },
  { homeDc, slices, bucketEvents }: Settings,
): Promise<void> {
  const wanted = { home_dc: homeDc, slices: String(slices), bucket_events: String(bucketEvents) };
  for (const [name, value] of Object.entries(wanted)) {
    const found = await repeat(runtime, () => agree(session, name, value));
    if (found === value) continue;
    const expected = `expected ${name} to be ${found}, as it was when the keyspace was made, found ${value}`;
    const advice = name === "home_dc" ? `start this copy in ${found}` : "start the deploy that the others run";
    throw new StartError(`Cannot use the keyspace ${keyspace}: ${expected}; ${advice}, or use another keyspace`);
  }
}

/** Over all data centres: two that agreed each on their own would both be home. */
async function agree(session: CqlSession, name: string, value: string): Promise<string> {
  await session.execute({ cql: INSERT, values: [name, value] }, { scope: "cluster" });
  const [row] = await session.execute({ cql: SELECT, values: [name] }, { consistency: "serial", scope: "cluster" });
  return String(row?.["value"]);
}
