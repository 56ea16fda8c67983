const TAKE = `set -e
[ -e "$0/complete" ] && exit
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null && continue
  echo "This task takes Debian's package $1 apart, and finds no $tool: run it on a Debian or Ubuntu" >&2
  exit 2
done
echo "Taking Debian's package $1 apart in $0" >&2
rm -rf "$0"
mkdir -p "$0"
cd "$0"
apt-get download --quiet --quiet "$1" >&2 || {
  echo "apt-get cannot download the package $1: run apt-get update, and look whether it reaches a mirror" >&2
  exit 2
}
dpkg --extract "$1"_*.deb .
rm "$1"_*.deb
touch complete`;

/**
 * The files of a Debian package in a directory of the cache, fetched the first time; nothing is installed or started.
 * Ends the process with a line that says what is missing where that cannot be done.
 */
export async function takeDebianPackage(name: string): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  const directory = `${cache}/annals/debian/${name}`;
  await runShell(TAKE, directory, name);
  return directory;
}

/** Ends the process as the script ended, unless that went well. */
export async function runShell(script: string, ...args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command("sh", { args: ["-c", script, ...args], stdin: "null" }).spawn().status;
  if (code !== 0) Deno.exit(code);
}
