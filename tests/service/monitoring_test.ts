import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { counter } from "../engine/counter.ts";
import { MemorySender } from "../engine/memory_sender.ts";
import { metricsPage, openRig } from "../engine/rig.ts";
import publisher from "../../plugins/publisher/mod.ts";
import { assertStatus, startService, temporaryDirectory } from "./service.ts";

const ALERTS = "deploy/prometheus/alerts.yml";
const TESTS = "deploy/prometheus/alerts_test.yml";
const DASHBOARDS = ["overview", "event_pipeline", "runtime"].map((name) => `deploy/grafana/dashboards/${name}.json`);
const EXPECTED_ALERTS = [
  ...["ProjectionStalled", "ProjectionLagHigh", "DLQGrowing", "ConflictSpike", "PublishFailing", "BreakerOpen"],
  ...["RestartLoop", "HighErrorRate", "HighLatency", "TargetDown"],
];
/** What Prometheus itself says of those it asks. */
const OF_PROMETHEUS = ["up"];
/** Declared by the cluster store alone, as its own tests see. */
const OF_CLUSTER = ["feed_missed_events_total", "cdc_log_delay_seconds"];

describe("the files for monitoring", () => {
  it("name no metric that is not exported", async () => {
    const exported = new Set([...OF_PROMETHEUS, ...OF_CLUSTER, ...await exportedNames()]);
    const named = new Map<string, string>();
    for (const { file, query } of await queries()) for (const name of namesIn(query)) named.set(name, file);
    assert(named.size > 25, `expected many metrics, found ${[...named.keys()]}`);
    assertEquals([...named].filter(([name]) => !exported.has(name)), []);
  });

  it("leave out no metric of a part that has one", async () => {
    const named = new Set((await queries()).flatMap(({ query }) => namesIn(query)));
    assertEquals([...await exportedNames(), ...OF_CLUSTER].filter((name) => !named.has(name)), []);
  });

  it("have for every alert what to do, a test in which it fires and one in which it does not", async () => {
    const rules = (await Deno.readTextFile(ALERTS)).split(/^ +- alert: /m).slice(1);
    assertEquals(rules.map((rule) => rule.split("\n")[0]), EXPECTED_ALERTS);
    const tests = await Deno.readTextFile(TESTS);
    const runbook = await Deno.readTextFile("docs/runbook.md");
    for (const [at, name] of EXPECTED_ALERTS.entries()) {
      assert(rules[at]?.includes(`docs/runbook.md#${name.toLowerCase()}`), `expected a link to the runbook in ${name}`);
      assert(runbook.includes(`\n### ${name}\n`), `expected "### ${name}" in docs/runbook.md`);
      const outcomes = [...tests.matchAll(new RegExp(`alertname: ${name}\n +exp_alerts:( \\[\\])?\n`, "g"))];
      assertEquals(new Set(outcomes.map(([, none]) => none === undefined)), new Set([true, false]), name);
    }
  });

  it("have dashboards of their own names, that ask the datasource that is provided", async () => {
    const source = await Deno.readTextFile("deploy/grafana/provisioning/datasources/prometheus.yml");
    const uid = /^ +uid: (.*)$/m.exec(source)?.[1];
    const dashboards = await Promise.all(DASHBOARDS.map(readDashboard));
    assertEquals(new Set(dashboards.map((dashboard) => dashboard.uid)).size, DASHBOARDS.length);
    for (const { panels } of dashboards) {
      assertEquals(new Set(panels.map(({ datasource }) => datasource.uid)), new Set([uid]));
      assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
    }
  });
});

type Panel = {
  readonly id: number;
  readonly datasource: { readonly uid: string };
  readonly targets: readonly { readonly expr: string }[];
};
type Dashboard = { readonly uid: string; readonly panels: readonly Panel[] };

async function readDashboard(file: string): Promise<Dashboard> {
  return JSON.parse(await Deno.readTextFile(file));
}

/** Of the rules and of every panel. */
async function queries(): Promise<readonly { readonly file: string; readonly query: string }[]> {
  const alerts = await Deno.readTextFile(ALERTS);
  const expressions = alerts.matchAll(/^ +expr: (?:\|\n((?: {10}.*\n| *\n)+)|(.*)\n)/gm);
  const ofRules = [...expressions].map(([, block, line]) => ({ file: ALERTS, query: block ?? line ?? "" }));
  assertEquals(ofRules.length, EXPECTED_ALERTS.length);
  const ofPanels = DASHBOARDS.map(async (file) => {
    const { panels } = await readDashboard(file);
    return panels.flatMap(({ targets }) => targets.map(({ expr }) => ({ file, query: expr })));
  });
  return [...ofRules, ...(await Promise.all(ofPanels)).flat()];
}

/** What is neither a label nor a function of the language. */
function namesIn(query: string): readonly string[] {
  const bare = query.replace(/"[^"]*"|\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replace(/\b(?:by|on|without|ignoring)\s*\([^)]*\)/g, " ");
  return [...bare.matchAll(/\b(?:up|[a-z]+(?:_[a-z]+)+)\b(?!\s*\()/g)].map(([name]) =>
    name.replace(/_(?:bucket|count|sum)$/, "")
  );
}

/** What the service declares on the embedded store, and what publishing adds. */
async function exportedNames(): Promise<ReadonlySet<string>> {
  await using directory = await temporaryDirectory();
  await using service = await startService({ directory: directory.path });
  const { text } = assertStatus(await service.get("/metrics", { door: "operator" }), 200);
  await using rig = await openRig({ modules: [counter], plugins: [new MemorySender().plugin(), publisher] });
  return new Set([...declaredOn(text), ...declaredOn(await metricsPage(rig))]);
}

function declaredOn(page: string): readonly string[] {
  return [...page.matchAll(/^# HELP (\S+) /gm)].flatMap(([, name]) => name ?? []);
}
