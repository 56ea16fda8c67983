import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Exit } from "./program.ts";
import { assertStatus, runService, startService, temporaryDirectory } from "./service.ts";

describe("start is refused in one clear line", () => {
  it("with code 2 on a data directory that another process uses, which goes on", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const exit = await runService({ directory: directory.path });
    assertRefused(exit, 2, "Cannot use the data directory", "another process uses it");
    assertStatus(await service.get("/readyz"), 200);
  });

  for (const variable of ["PORT", "METRICS_PORT"]) {
    it(`when ${variable} is in use`, async () => {
      await using directory = await temporaryDirectory();
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const port = String(listener.addr.port);
      const exit = await runService({ directory: directory.path, environment: { [variable]: port } });
      assertRefused(exit, 1, `127.0.0.1:${port}`, "in use", `set ${variable}`);
    });
  }

  it("that names every bad value in the environment", async () => {
    await using directory = await temporaryDirectory();
    const environment = {
      PORT: "http",
      METRICS_PORT: "65536",
      LOG_LEVEL: "loud",
      LIVE_CACHE_BYTES: "-1",
      AUTH: "maybe",
      HOST: "",
      METRICS_HOST: "",
      JWKS_REFRESH_MS: "a",
      JWT_ISSUER: "",
      WEBHOOK_URL: "ftp://hook.test/",
    };
    const exit = await runService({ directory: directory.path, environment });
    assertRefused(exit, 1, ...Object.entries(environment).map(([name, value]) => `${name}="${value}"`));
    const raw = /Too small|received|Invalid URL/.exec(exit.stderr)?.[0];
    assertEquals(raw, undefined, "expected the words of the variable, found a library's");
    assertEquals(await names(directory.path), [], "nothing begun with a bad environment");
  });

  it("beyond loopback without authentication", async () => {
    await using directory = await temporaryDirectory();
    const exit = await runService({ directory: directory.path, environment: { HOST: "0.0.0.0" } });
    assertRefused(exit, 1, "HOST=0.0.0.0", "AUTH=none");
  });

  it("beyond loopback, as a task may not, with the flag to add", async () => {
    await using directory = await temporaryDirectory();
    const environment = { HOST: "0.0.0.0", AUTH: "none", PORT: "8123" };
    const exit = await runService({ directory: directory.path, environment });
    assertRefused(exit, 1, "add 0.0.0.0:8123 to --allow-net of the task");
  });

  for (const variable of ["SCYLLA_NODES", "REDPANDA_BROKERS"]) {
    it(`with servers in ${variable} that the task may not use, with the task that may`, async () => {
      await using directory = await temporaryDirectory();
      const exit = await runService({
        directory: directory.path,
        environment: { [variable]: "127.0.0.1,10.9.8.7:77" },
      });
      assertRefused(
        exit,
        1,
        `Cannot use ${variable}: Deno may not use 10.9.8.7:77; start with deno task start:cluster`,
      );
    });
  }

  it("with half a login to the database", async () => {
    for (const half of ["SCYLLA_USERNAME", "SCYLLA_PASSWORD"]) {
      await using directory = await temporaryDirectory();
      const environment = { SCYLLA_NODES: "127.0.0.1:1", [half]: "half-a-login" };
      const exit = await runService({ directory: directory.path, environment });
      assertRefused(exit, 1, "expected SCYLLA_USERNAME and SCYLLA_PASSWORD");
      assertEquals(exit.stderr.includes("half-a-login"), false, exit.stderr);
    }
  });

  it("with roles that the embedded store does not have", async () => {
    await using directory = await temporaryDirectory();
    const exit = await runService({ directory: directory.path, environment: { ROLES: "serve" } });
    assertRefused(exit, 1, "Cannot take ROLES=serve without SCYLLA_NODES");
  });

  it("without the modules' directory", async () => {
    await using directory = await temporaryDirectory();
    const exit = await runService({ directory: directory.path, modules: `${directory.path}/nowhere` });
    assertRefused(exit, 1, "Cannot read the modules in", "nowhere/, where MODULES_DIR has them");
  });

  it("for modules in a directory without a name", async () => {
    await using directory = await temporaryDirectory();
    const exit = await runService({ directory: directory.path, modules: "" });
    assertRefused(exit, 1, "Cannot use MODULES_DIR");
  });

  it("for a data directory that is a file", async () => {
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/store`, "");
    assertRefused(await runService({ directory: directory.path }), 1, "Cannot use the data directory", "store");
  });

  it("for a data directory beyond the permissions of the task", async () => {
    const environment = { DATA_DIR: "/tmp/annals-data" };
    const exit = await runService({ directory: "data", environment });
    assertRefused(exit, 1, "Cannot use the data directory /tmp/annals-data", "--allow-read and --allow-write");
  });

  for (const file of ["events.db", "views.db"]) {
    it(`for a ${file} that is no database`, async () => {
      await using directory = await temporaryDirectory();
      await Deno.mkdir(`${directory.path}/store`);
      await Deno.writeTextFile(`${directory.path}/store/${file}`, "no database ".repeat(1000));
      assertRefused(await runService({ directory: directory.path }), 1, `${directory.path}/store/${file}`);
    });
  }
});

const whole = (name: string, { path = `${name}s`, event = `${name}Made`, view = `${name}_list` } = {}) => `
import { defineModule, defineProjection } from "annals";
import { z } from "zod";
const events = { ${event}: z.strictObject({}) };
export default defineModule({
  name: "${name}", path: "${path}", id: "text", events, commands: { Make: z.strictObject({}) }, rejections: {},
  state: z.strictObject({}), creates: ["Make"],
  decider: { initialState: {}, decide: () => [], evolve: (state) => state },
  projections: [defineProjection({ name: "${view}", version: 1, events, document: z.strictObject({}), on: {} })],
});`;

describe("a module that cannot be served is refused in one clear line", () => {
  const cases: Record<string, { modules: Record<string, string>; says: string[] }> = {
    "that throws on import": {
      modules: { broken: 'throw new Error("out of paper");' },
      says: ["broken/mod.ts", "out of paper"],
    },
    "that throws what is no error": { modules: { broken: "throw null;" }, says: ["broken/mod.ts", "null"] },
    "that is no TypeScript": { modules: { broken: "export default {{{" }, says: ["broken/mod.ts"] },
    "that imports what is not there": {
      modules: { broken: 'import "./gone.ts";' },
      says: ["broken/mod.ts", "gone.ts"],
    },
    "without a default export": {
      modules: { broken: "export const a = 1;" },
      says: ["broken/mod.ts", "default export"],
    },
    "whose default export is none": {
      modules: { broken: "export default 7;" },
      says: ["broken/mod.ts", "default export"],
    },
    "without a mod.ts": { modules: {}, says: ["empty/mod.ts"] },
    "that claims a taken name": { modules: { a: whole("one"), b: whole("one", { path: "b" }) }, says: ['name "one"'] },
    "that claims a taken path": {
      modules: { a: whole("one"), b: whole("two", { path: "ones" }) },
      says: ['path "ones"', "a/mod.ts", "b/mod.ts"],
    },
    "that claims a taken event": {
      modules: { a: whole("one"), b: whole("two", { event: "oneMade" }) },
      says: ['event type "oneMade"', "a/mod.ts", "b/mod.ts"],
    },
    "that claims a taken view": {
      modules: { a: whole("one"), b: whole("two", { view: "one_list" }) },
      says: ['projection name "one_list"', "a/mod.ts", "b/mod.ts"],
    },
    "that claims a path of the service": {
      modules: { a: whole("one", { path: "views" }) },
      says: ['"views"', "a/mod.ts"],
    },
  };
  for (const [name, { modules, says }] of Object.entries(cases)) {
    it(name, async () => {
      await using directory = await temporaryDirectory();
      const exit = await runService({ directory: directory.path, modules: await write(directory.path, modules) });
      assertRefused(exit, 1, ...says);
    });
  }
});

/** One line on standard error beside the log, and no trace of a stack. */
function assertRefused({ code, stdout, stderr }: Exit, expected: number, ...says: readonly string[]): void {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith('{"@timestamp"'));
  assertEquals([code, lines.length, stdout], [expected, 1, ""], stderr);
  const [line = ""] = lines;
  assert(line.startsWith("annals: "), line);
  for (const each of says) assertStringIncludes(line, each);
}

async function write(directory: string, modules: Readonly<Record<string, string>>): Promise<string> {
  const folder = `${directory}/modules`;
  for (const name of Object.keys(modules).length === 0 ? ["empty"] : Object.keys(modules)) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    const source = modules[name];
    if (source !== undefined) await Deno.writeTextFile(`${folder}/${name}/mod.ts`, source);
  }
  return folder;
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
}
