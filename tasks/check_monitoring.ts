import { runShell, takeDebianPackage } from "./debian_package.ts";

/** Lets promtool read `deploy/`: Prometheus' settings, the rules, their tests, and each query of a dashboard. */

/** Reads the queries as rules from a file that is there for so long. */
const CHECK_QUERIES = `set -e
rules=$(mktemp)
trap 'rm -f "$rules"' EXIT
printf '%s' "$1" >"$rules"
"$0" check rules "$rules"`;
const DASHBOARDS = "deploy/grafana/dashboards";

type Panel = { readonly title: string; readonly targets: readonly { readonly expr: string }[] };

const promtool = `${await takeDebianPackage("prometheus")}/usr/bin/promtool`;
await runShell('exec "$0" check config deploy/prometheus/prometheus.yml', promtool);
await runShell('exec "$0" test rules deploy/prometheus/alerts_test.yml', promtool);
const queries = await readQueries();
if (queries.length === 0) {
  console.error(`expected queries in the panels of ${DASHBOARDS}, found none`);
  Deno.exit(1);
}
const rules = queries.map((expr, at) => ({ record: `query_${at}`, expr }));
await runShell(CHECK_QUERIES, promtool, JSON.stringify({ groups: [{ name: "dashboards", rules }] }));
console.log(`promtool takes the rules, their tests, and ${queries.length} queries of the dashboards`);

/** As Grafana sends them: with a time and the names of the copies in the places that it fills. */
async function readQueries(): Promise<readonly string[]> {
  const queries: string[] = [];
  for await (const { name } of Deno.readDir(DASHBOARDS)) {
    const { panels } = JSON.parse(await Deno.readTextFile(`${DASHBOARDS}/${name}`)) as { panels: readonly Panel[] };
    queries.push(...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
  }
  return queries.map((expr) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"));
}
