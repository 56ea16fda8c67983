import { scratchDirectory, type Service } from "../../tasks/child.ts";
import { Metrics } from "../metrics.ts";
import { drained, startCopy } from "./copy.ts";
import type { BenchDatabase } from "./database.ts";
import { type Raw, startRaw } from "./raw.ts";

export type ReplayOptions = {
  readonly streams: number;
  readonly eventsPerStream: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
};

export type Replay = { readonly perSecond: number; readonly rawPerSecond: number };

const MODULES = ["account", "customer", "order"];

/**
 * How fast a copy fills a projection that is new to it, from the first event that it is given to the last, on streams
 * that were stored long ago. It is a new version of the account view each round; all other projections are done.
 */
export async function measureReplay(
  { database, keyspace }: { readonly database: BenchDatabase; readonly keyspace: string },
  { streams, eventsPerStream, rounds, say }: ReplayOptions,
): Promise<readonly Replay[]> {
  await using directory = await scratchDirectory("bench");
  const place = { address: database.address, keyspace };
  await withRaw(place, (raw) => raw.seed({ streams, events: eventsPerStream }));
  const shape = { last: `old-${streams - 1}`, eventsPerStream, events: streams * eventsPerStream };
  const start = async (version: number) => {
    const modules = await writeModules(directory.path, version);
    return await startCopy({ ...place, environment: { MODULES_DIR: modules } });
  };
  {
    await using copy = await start(1);
    await replayed(copy, { ...shape, version: 1 });
    await database.whenScanned(keyspace, (await Metrics.of(copy)).values("projection_lag_events").length);
    await withRaw(place, (raw) => raw.scan());
  }
  const found: Replay[] = [];
  for (let round = 1; round <= rounds; round++) {
    const { events, perSecond: rawPerSecond } = await withRaw(place, (raw) => raw.scan());
    if (events !== shape.events) throw new Error(`expected ${shape.events} events to be scanned, found ${events}`);
    await using copy = await start(1 + round);
    const perSecond = await replayed(copy, { ...shape, version: 1 + round });
    say(`replay ${round}: ${Math.round(perSecond)} events/s, raw scan and upsert ${Math.round(rawPerSecond)}/s`);
    found.push({ perSecond, rawPerSecond });
  }
  return found;
}

/** In a process that is as new as the copy is that it is compared with. */
async function withRaw<T>(
  { address, keyspace }: { readonly address: string; readonly keyspace: string },
  work: (raw: Raw) => Promise<T>,
): Promise<T> {
  await using raw = await startRaw(address, keyspace);
  return await work(raw);
}

/** The project's modules, but for the version of the account view. */
async function writeModules(directory: string, version: number): Promise<string> {
  const modules = `${directory}/modules_${version}`;
  for (const name of MODULES) {
    await Deno.mkdir(`${modules}/${name}`, { recursive: true });
    const given = `"../../../../modules/${name}/mod.ts"`;
    const text = name === "account"
      ? `import account from ${given};
const projections = account.projections.map((projection) => ({ ...projection, version: ${version} }));
export default { ...account, projections };\n`
      : `export { default } from ${given};\n`;
    await Deno.writeTextFile(`${modules}/${name}/mod.ts`, text);
  }
  return modules;
}

type Shape = {
  readonly version: number;
  readonly events: number;
  readonly eventsPerStream: number;
  /** The stream that was seeded last. */
  readonly last: string;
};

async function replayed(copy: Service, { version, events, eventsPerStream, last }: Shape): Promise<number> {
  const perSecond = await drained(copy, { subscription: `account_balances_v${version}`, events });
  await requireShown(copy, last, eventsPerStream);
  return perSecond;
}

async function requireShown({ url }: Service, id: string, version: number): Promise<void> {
  const answer = await fetch(`${url}/views/account_balances/${id}`);
  const text = await answer.text();
  if (answer.ok && JSON.parse(text).version === version) return;
  throw new Error(`expected the view to show version ${version} of ${id}, found ${answer.status} ${text}`);
}
