/** Lets compose itself read `compose.yaml`; it needs no docker for that. It is installed from PyPI, once. */
const VERSION = "1.29.2";
/** A build of its YAML reader fails with Cython 3. */
const BUILD_CONSTRAINT = "Cython<3";
const SERVICES = ["scylla", "redpanda", "redpanda-console", "prometheus", "grafana"];
/** Into a place of its own; `complete` is there once all of it is. */
const INSTALL = `set -e
[ -e "$0/complete" ] && exit
command -v python3 >/dev/null || { echo "This task needs python3 with its venv module: install both" >&2; exit 2; }
echo "Installing docker-compose ${VERSION} into $0" >&2
python3 -m venv --clear "$0"
echo "${BUILD_CONSTRAINT}" >"$0/constraint.txt"
export PIP_CONSTRAINT="$0/constraint.txt" PIP_BUILD_CONSTRAINT="$0/constraint.txt"
"$0/bin/python" -m pip install --quiet --disable-pip-version-check docker-compose==${VERSION} "setuptools<81"
touch "$0/complete"`;

const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
const directory = `${cache}/annals/docker-compose-${VERSION}`;
await succeed("sh", ["-c", INSTALL, directory]);
const compose = ["-c", 'exec "$0" "$@"', `${directory}/bin/docker-compose`, "--file", "compose.yaml"];
const printed = await succeed("sh", [
  ...compose,
  "--profile",
  "infra",
  "--profile",
  "monitoring",
  "config",
  "--services",
]);
const services = printed.trim().split("\n");
const missing = SERVICES.filter((service) => !services.includes(service));
if (missing.length > 0) {
  console.error(`expected the services ${SERVICES.join(", ")} in compose.yaml, found ${services.join(", ")}`);
  Deno.exit(1);
}
console.log(`compose.yaml is as compose ${VERSION} takes it, with ${services.join(", ")}`);

async function succeed(program: string, args: readonly string[]): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", stderr: "inherit" });
  const { code, stdout } = await command.output();
  if (code !== 0) Deno.exit(code);
  return new TextDecoder().decode(stdout);
}
