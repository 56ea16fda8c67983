import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../deno.json" with { type: "json" };
import { startService, temporaryDirectory } from "./service.ts";

/** Says of itself, as the sentence of a rejection each, what it was not let do when it was imported. */
const PROBE = `
import account from "../../../../modules/account/mod.ts";

async function outcome(attempt) {
  try {
    await attempt();
    return "done";
  } catch (error) {
    return error.name;
  }
}

const rejections = {
  run: await outcome(() => new Deno.Command("sh", { args: ["-c", "true"] }).output()),
  ffi: await outcome(() => Deno.dlopen("libc.so.6", {})),
  kill: await outcome(() => Deno.kill(1, "SIGTERM")),
  read: await outcome(() => Deno.readTextFile("/etc/hostname")),
  write: await outcome(() => Deno.writeTextFile("main.ts.new", "")),
  net: await outcome(() => fetch("http://192.0.2.1/")),
  sys: await outcome(() => Deno.hostname()),
};

export default { ...account, rejections: { ...account.rejections, ...rejections } };
`;

describe("the service", () => {
  for (const task of ["dev", "start"] as const) {
    it(`may not run programs, load libraries or reach beyond what it works with, by task ${task}`, async () => {
      await using directory = await temporaryDirectory();
      const modules = `${directory.path}/modules`;
      await Deno.mkdir(`${modules}/account`, { recursive: true });
      await Deno.writeTextFile(`${modules}/account/mod.ts`, PROBE);
      await using service = await startService({
        directory: directory.path,
        modules,
        ...(task === "start" ? {} : { task }),
      });
      for (const attempt of ["run", "ffi", "kill", "read", "write", "net", "sys"]) {
        const { text } = await service.get(`/problems/account/${attempt}`);
        assertEquals(/<h1>(.*)<\/h1>/.exec(text)?.[1], "NotCapable", attempt);
      }
    });
  }

  it("is never started with every permission, nor with one to run programs or load libraries", () => {
    const { dev, start, "start:cluster": cluster } = deno.tasks;
    for (const { command } of [dev, start, cluster]) {
      assertEquals(command.match(/(^| )(-A|--allow-(all|run|ffi|sys|hrtime|import))(=\S*)?( |$)/), null, command);
      assertEquals(command.includes("--no-prompt"), true, command);
    }
  });
});
