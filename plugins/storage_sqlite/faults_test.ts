import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import { streamOf } from "../../tests/contract/samples.ts";
import { openStorage } from "./storage.ts";
import { temporaryDirectory, testOptions } from "./test_storage.ts";

const CHILD = "plugins/storage_sqlite/test_child.ts";
const mayUnshare = await canUnshare();

describe("a data directory", () => {
  it("belongs to one process until that is killed", async () => {
    await using directory = await temporaryDirectory();
    const child = spawn(`exec deno run ${flags()} ${CHILD} hold ${directory.path}`, { stdin: "piped" });
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assertStringIncludes((await lines.read()).value ?? "", "held");
    const refusal = await assertRejects(() => openStorage(directory.path, testOptions()), StartError);
    assertEquals(refusal.exitCode, 2);
    assertStringIncludes(refusal.message, directory.path);
    assertStringIncludes(refusal.message, "DATA_DIR");
    child.kill("SIGKILL");
    await child.status;
    await lines.cancel();
    await child.stdin.close().catch(() => {});
    const storage = await openStorage(directory.path, testOptions());
    assertEquals(await storage.store.version(streamOf("a")), 1);
    await storage.close();
  });

  it("belongs to one storage of a process, and can be opened again once that is closed", async () => {
    await using directory = await temporaryDirectory();
    const storage = await openStorage(directory.path, testOptions());
    await assertRejects(() => openStorage(directory.path, testOptions()), StartError);
    await storage.close();
    await (await openStorage(directory.path, testOptions())).close();
  });

  it("that cannot be made is refused with its name", async () => {
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/file`, "");
    const inside = `${directory.path}/file/data`;
    await assertRejects(() => openStorage(inside, testOptions()), StartError, inside);
  });
});

describe("a full disk", () => {
  it("refuses a whole group, leaves reads alone, and takes appends again once there is room", async () => {
    await using directory = await temporaryDirectory();
    const found = await output(`trap '' XFSZ; exec deno run ${flags("prlimit")} ${CHILD} fill ${directory.path}`);
    assertEquals([found.pairs.refused.length, found.singles.refused.length], [2, 1]);
    for (const refused of [...found.pairs.refused, ...found.singles.refused]) {
      assert(refused.isUnavailable, refused.message);
      assertStringIncludes(refused.message, "disk");
    }
    const { acknowledged } = found.singles;
    assertEquals([found.version, found.health.status], [acknowledged, "warn"]);
    assertEquals([found.recovered, found.after.status], ["applied", "pass"]);
    const storage = await openStorage(directory.path, testOptions());
    assertEquals(await storage.store.version(streamOf("a")), acknowledged + 1);
    await storage.close();
  });
});

describe("a read-only disk", () => {
  const name = "serves reads, refuses appends, and takes them once it is writable";
  for (const ending of ["closed", "killed"] as const) {
    const run = async () => {
      await using directory = await temporaryDirectory();
      const held = spawn(`exec deno run ${flags()} ${CHILD} hold ${directory.path}`, { stdin: "piped" });
      const lines = held.stdout.pipeThrough(new TextDecoderStream()).getReader();
      await lines.read();
      if (ending === "killed") held.kill("SIGKILL");
      await held.stdin.close().catch(() => {});
      await held.status;
      await lines.cancel();
      const { path } = directory;
      const child = `deno run ${flags("mount")} ${CHILD} readonly ${await Deno.realPath(path)}`;
      const mounts = `mount --bind ${path} ${path} && mount -o remount,bind,ro ${path}`;
      const found = await output(`exec unshare -m sh -c '${mounts} && exec ${child}'`);
      assertEquals([found.versionBefore, found.backlog.events], [1, 1]);
      assert(found.refused.isUnavailable, found.refused.message);
      assertStringIncludes(found.refused.message, "read-only");
      assertEquals([found.recovered, found.version], ["applied", 2]);
    };
    if (mayUnshare) it(`${name}, after it was ${ending}`, run);
    else it(`${name}, after it was ${ending}: not run, as this user may not mount`, () => {});
  }
});

function flags(program?: string): string {
  const common = "--quiet --no-prompt --allow-read --allow-write=.";
  return program === undefined ? common : `${common} --allow-run=${program}`;
}

function spawn(command: string, { stdin }: { stdin: "piped" | "null" } = { stdin: "null" }): Deno.ChildProcess {
  return new Deno.Command("sh", { args: ["-c", command], stdin, stdout: "piped", stderr: "inherit" }).spawn();
}

async function output(command: string) {
  const { code, stdout } = await spawn(command).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text);
  return JSON.parse(text);
}

async function canUnshare(): Promise<boolean> {
  const { success } = await new Deno.Command("sh", { args: ["-c", "unshare -m true"], stderr: "null" }).output();
  return success;
}
