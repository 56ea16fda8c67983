/**
 * Lets promtool read `deploy/`: Prometheus' settings, the rules, their tests, and each query of a dashboard. It comes
 * with Debian's `prometheus`, of which nothing is installed or started: the package is taken apart, once.
 */
const INSTALL = `set -e
[ -e "$0/complete" ] && exit
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null && continue
  echo "This task takes promtool from Debian's package prometheus, and finds no $tool: run it on a Debian or Ubuntu" >&2
  exit 2
done
echo "Taking promtool from Debian's package prometheus into $0" >&2
rm -rf "$0"
mkdir -p "$0"
cd "$0"
apt-get download --quiet --quiet prometheus >&2 || {
  echo "apt-get cannot download the package prometheus: run apt-get update, and look whether it reaches a mirror" >&2
  exit 2
}
dpkg --extract prometheus_*.deb .
rm prometheus_*.deb
touch complete`;
/** Reads the queries as rules from a file that is there for so long. */
const CHECK_QUERIES = `set -e
rules=$(mktemp)
trap 'rm -f "$rules"' EXIT
printf '%s' "$1" >"$rules"
"$0" check rules "$rules"`;
const DASHBOARDS = "deploy/grafana/dashboards";

type Panel = { readonly title: string; readonly targets: readonly { readonly expr: string }[] };

const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
const directory = `${cache}/annals/promtool`;
const promtool = `${directory}/usr/bin/promtool`;
await run(INSTALL, directory);
await run('exec "$0" check config deploy/prometheus/prometheus.yml', promtool);
await run('exec "$0" test rules deploy/prometheus/alerts_test.yml', promtool);
const queries = await readQueries();
if (queries.length === 0) {
  console.error(`expected queries in the panels of ${DASHBOARDS}, found none`);
  Deno.exit(1);
}
const rules = queries.map((expr, at) => ({ record: `query_${at}`, expr }));
await run(CHECK_QUERIES, promtool, JSON.stringify({ groups: [{ name: "dashboards", rules }] }));
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

async function run(script: string, ...args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command("sh", { args: ["-c", script, ...args], stdin: "null" }).spawn().status;
  if (code !== 0) Deno.exit(code);
}
