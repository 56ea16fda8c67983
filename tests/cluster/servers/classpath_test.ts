import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../../deno.json" with { type: "json" };
import { type Exit, run } from "../../service/program.ts";
import { surroundings, temporaryDirectory } from "../../service/service.ts";
import { exists } from "./cache.ts";
import { freePorts } from "./ports.ts";

const JAVA_17 = `echo 'openjdk version "17.0.15" 2025-04-15' >&2`;

describe("deno task cassandra", () => {
  it("says which java to install without one", async () => {
    await using machine = await emptyMachine({});
    const { code, stderr } = await machine.start();
    assertEquals(code, 1, stderr);
    assertStringIncludes(
      stderr,
      "expected java 11 or 17, which Cassandra needs, found none; install one (Debian: apt",
    );
  });

  it("says which java to install with another one", async () => {
    for (const [printed, version] of [["21.0.8", "21.0.8"], ["1.8.0_292", "1.8.0_292"]]) {
      await using machine = await emptyMachine({ java: `echo 'openjdk version "${printed}"' >&2` });
      const { code, stderr } = await machine.start();
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `expected java 11 or 17, which Cassandra needs, found ${version}; install one`);
    }
  });

  it("says what to install without mvn", async () => {
    await using machine = await emptyMachine({ java: JAVA_17 });
    const { code, stderr } = await machine.start();
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "expected mvn, which fetches Cassandra, found none; install Maven 3.8 or newer");
  });

  it("says what Maven said when it fails, after three attempts", async () => {
    await using machine = await emptyMachine({
      java: JAVA_17,
      mvn: `echo attempt >>"$HOME/attempts"; echo no route; exit 1`,
    });
    const { code, stderr } = await machine.start();
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "found that Maven failed 3 times:\nno route\n");
    assertEquals(await Deno.readTextFile(`${machine.home}/attempts`), "attempt\n".repeat(3));
  });

  it("asks Maven once, whoever else starts at the same time, and again when a jar is gone", async () => {
    const mvn = `echo asked >>"$HOME/asked"; sleep 0.3; touch "$HOME/a.jar"; for last; do :; done
printf %s "$HOME/a.jar" >"\${last#*outputFile=}"`;
    // This java is of no use beyond telling its version, so every start ends with the log of a server that ended.
    await using machine = await emptyMachine({ java: JAVA_17, mvn });
    const askedAfter = async (starts: number) => {
      for (const { stderr } of await Promise.all(Array.from({ length: starts }, () => machine.start()))) {
        assertStringIncludes(stderr, "expected Cassandra to start, found that it ended");
      }
      return (await Deno.readTextFile(`${machine.home}/asked`)).trim().split("\n").length;
    };
    assertEquals([await askedAfter(2), await askedAfter(1)], [1, 1]);
    await Deno.remove(`${machine.home}/a.jar`);
    assertEquals(await askedAfter(1), 2);
    assertEquals([...Deno.readDirSync(`${machine.home}/.cache/annals/cassandra`)], []);
    assertEquals(await exists(`${machine.home}/.cache/annals/maven.lock`), true);
  });
});

/** A machine that has a shell, Deno and these programs. */
async function emptyMachine(programs: Readonly<Record<string, string>>) {
  const directory = await temporaryDirectory();
  const home = await Deno.realPath(directory.path);
  await Deno.mkdir(`${home}/bin`);
  const tools = ["sh", "deno", "cat", "tr", "grep", "touch", "seq", "sleep"];
  for (const name of tools) await Deno.symlink(await pathOf(name), `${home}/bin/${name}`);
  for (const [name, script] of Object.entries(programs)) {
    await Deno.writeTextFile(`${home}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const { PATH = "", HOME = "", DENO_DIR = `${HOME}/.cache/deno` } = surroundings();
  const environment = { PATH, DENO_DIR, NO_COLOR: "1" };
  // The permission to run is one to run the programs of the PATH that this process has.
  const script = 'HOME=$0 PATH=$0/bin; export HOME; exec "$@"';
  const task = [...deno.tasks.cassandra.command.split(" "), `--port=${freePorts("127.0.0.1", 1)}`];
  return {
    home,
    start: (): Promise<Exit> => run("sh", { args: ["-c", script, home, ...task], environment }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function pathOf(program: string): Promise<string> {
  const found = await run("sh", { args: ["-c", 'command -v "$0"', program], environment: surroundings() });
  assertEquals(found.code, 0, program);
  return found.stdout.trim();
}
