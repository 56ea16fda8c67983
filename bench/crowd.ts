import { scratchDirectory, type Service, startService } from "../tasks/child.ts";
import { connect, startSlowBodies } from "../tests/service/crowd.ts";
import { type Load, load, openAccounts } from "./load.ts";
import { median } from "./statistics.ts";

/** Prints how long a deposit takes beside idle and slow clients, as a ratio to how long it takes alone, each round. */
const CROWD = 1_000;
const ROUNDS = 3;
const SECONDS = 10;
const CONNECTIONS = [1, 32];

try {
  await using directory = await scratchDirectory("bench");
  await using service = await startService(directory.path);
  await openAccounts(service.url);
  console.log(`deposits beside ${CROWD} idle connections and ${CROWD} bodies of a byte a second / alone`);
  for (const connections of CONNECTIONS) await measure(service, connections);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

async function measure({ url }: Service, connections: number): Promise<void> {
  const shape = { kind: "deposit", connections, seconds: SECONDS } as const;
  const rounds: { readonly alone: Load; readonly beside: Load }[] = [];
  for (let at = 1; at <= ROUNDS; at++) {
    const alone = await load(url, shape);
    await using _idle = await connect(url, { count: CROWD, text: "" });
    const slow = startSlowBodies(url, CROWD);
    const beside = await load(url, shape).finally(slow.end);
    rounds.push({ alone, beside });
  }
  for (const name of ["p50Us", "p99Us", "perSecond"] as const) {
    const ratios = rounds.map(({ alone, beside }) => beside[name] / alone[name]);
    const told = rounds.map(({ alone, beside }) => `${Math.round(beside[name])}/${Math.round(alone[name])}`);
    console.log(`${connections} connections, ${name}: ${median(ratios).toFixed(2)} (${told.join(", ")})`);
  }
}
