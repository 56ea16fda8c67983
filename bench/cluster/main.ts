import { parseArgs } from "node:util";
import { startKafka } from "../../tests/cluster/kafka/kafka.ts";
import { keeperIn } from "../keep.ts";
import { describeMachine, DRIVER } from "../machine.ts";
import { print, type Report } from "../report.ts";
import { BenchDatabase } from "./database.ts";
import type { Found, Given, Part } from "./part.ts";
import { PARTS } from "./parts.ts";
import { FULL, QUICK } from "./scale.ts";

/** Measures the figures of the cluster store and prints them. What it finds is to be read: no figure makes it fail. */
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    scylla: { type: "string" },
    only: { type: "string", default: "" },
  },
});
try {
  const keep = await keeperIn(values.json);
  const report = await run(values);
  console.log(print(report));
  await keep(report);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

type Options = { readonly quick: boolean; readonly scylla?: string; readonly only: string };

async function run({ quick, scylla, only }: Options): Promise<Report> {
  const parts = chosen(only);
  const at = new Date().toISOString();
  const { sqlite: _, ...machine } = await describeMachine();
  await using stack = new AsyncDisposableStack();
  const opened: BenchDatabase[] = [];
  const database = once(async () => {
    const database = stack.use(await BenchDatabase.open(scylla));
    opened.push(database);
    return database;
  });
  const kafka = once(async () => stack.use(await startKafka()));
  const given: Given = { scale: quick ? QUICK : FULL, database, kafka, say: (line) => console.error(line) };
  const found: Found[] = [];
  for (const { name, measure } of parts) {
    const sinceMs = performance.now();
    found.push(await measure(given));
    given.say(`${name}: took ${Math.round((performance.now() - sinceMs) / 1000)} s`);
  }
  const merged = <K extends keyof Found>(key: K): Found[K] => Object.assign({}, ...found.map((part) => part[key]));
  const settings = { ...machine, driver: DRIVER, ...opened[0]?.settings, ...merged("settings") };
  return { at, quick, settings, figures: merged("figures"), rates: merged("rates") };
}

/** Those whose names contain the text. */
function chosen(text: string): readonly Part[] {
  const parts = PARTS.filter(({ name }) => name.includes(text));
  if (parts.length > 0) return parts;
  const names = PARTS.map(({ name }) => name).join(", ");
  throw new Error(`Cannot measure --only=${text}: expected a part of one of ${names}`);
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => started ??= start();
}
