import { cacheDirectory, exists } from "./cache.ts";
import { shell } from "./shell.ts";

/** What a server is run with, and what messages say of it. */
export type Requirements = {
  /** As messages call it. */
  readonly name: string;
  /** In the project's directory of the user's cache. */
  readonly folder: string;
  readonly javaVersions: readonly number[];
  /** Names its jars on Maven Central. */
  readonly pom: string;
  readonly downloadMb: number;
};

/** Shell: sets `java` to the program. */
export const FIND_JAVA = `java=java
[ -z "$JAVA_HOME" ] || java="$JAVA_HOME/bin/java"`;
const ATTEMPTS = 3;
const RUN_MAVEN = `command -v mvn >/dev/null || exit 127
exec mvn -B -q -ntp -Dstyle.color=never -f "$0" \\
  dependency:build-classpath -DincludeScope=runtime -Dmdep.outputFile="$1"`;

/** Rejects, saying what to install, unless `java` is of a version that the server runs on. */
export async function requireJava({ name, javaVersions }: Requirements): Promise<void> {
  const expected = `expected java ${javaVersions.join(" or ")}, which ${name} needs`;
  const advice = `install one (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME to one`;
  const { code, stderr } = await shell(`${FIND_JAVA}\n"$java" -version`, []);
  const [, version] = /version "([^"]+)"/.exec(stderr) ?? [];
  if (code !== 0 || version === undefined) throw new Error(`${expected}, found none; ${advice}`);
  if (javaVersions.includes(majorOf(version))) return;
  throw new Error(`${expected}, found ${version}; ${advice}`);
}

/**
 * The classpath of what the server's `pom` names, from Maven Central. It is kept in the user's cache and asked for
 * again when a jar of it is gone; of several who ask at once only one runs Maven.
 */
export async function classpathOf({ name, folder, pom, downloadMb }: Requirements): Promise<string> {
  const cache = await cacheDirectory();
  const text = new TextEncoder().encode(await Deno.readTextFile(pom));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex().slice(0, 16);
  const kept = `${cache}/${folder}-classpath-${digest}.txt`;
  using lock = await Deno.open(`${cache}/maven.lock`, { create: true, write: true });
  await lock.lock(true);
  const known = await readComplete(kept);
  if (known !== undefined) return known;
  console.error(`Resolving ${name} with Maven: ${downloadMb} MB to download when it is new to this machine`);
  await resolve({ name, pom, kept });
  const found = await readComplete(kept);
  if (found === undefined) throw new Error(`expected jars at every path in ${kept}, found some missing; delete ~/.m2`);
  return found;
}

async function resolve({ name, pom, kept }: { name: string; pom: string; kept: string }): Promise<void> {
  const written = `${kept}.new`;
  for (let attempt = 1;; attempt++) {
    const { code, stdout, stderr } = await shell(RUN_MAVEN, [pom, written]);
    if (code === 0) break;
    if (code === 127) {
      const advice = "install Maven 3.8 or newer (Debian: apt-get install maven)";
      throw new Error(`expected mvn, which fetches ${name}, found none; ${advice}`);
    }
    if (attempt === ATTEMPTS) {
      const found = `found that Maven failed ${ATTEMPTS} times:\n${(stdout + stderr).slice(-4000)}`;
      throw new Error(`expected Maven to resolve ${pom}, ${found}`);
    }
  }
  await Deno.rename(written, kept);
}

/** Undefined when it was never written or a jar of it is missing. */
async function readComplete(path: string): Promise<string | undefined> {
  if (!await exists(path)) return undefined;
  const classpath = (await Deno.readTextFile(path)).trim();
  const present = await Promise.all(classpath.split(":").map(exists));
  return present.every((isThere) => isThere) ? classpath : undefined;
}

/** Java 8 calls itself 1.8. */
function majorOf(version: string): number {
  return Number(/^(?:1\.)?(\d+)/.exec(version)?.[1]);
}
