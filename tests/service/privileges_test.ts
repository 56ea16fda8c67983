import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../deno.json" with { type: "json" };
import { startService, temporaryDirectory } from "./service.ts";

const ATTEMPTS = {
  run: 'new Deno.Command("sh", { args: ["-c", "true"] }).output()',
  ffi: 'Deno.dlopen("libc.so.6", {})',
  kill: 'Deno.kill(1, "SIGTERM")',
  write: 'Deno.writeTextFile("main.ts.new", "")',
  sys: "Deno.hostname()",
  read: 'Deno.readTextFile("/etc/hostname")',
  net: 'fetch("http://192.0.2.1/")',
};
type Attempt = keyof typeof ATTEMPTS;

const OF_ONE_MACHINE = Object.keys(ATTEMPTS) as Attempt[];
/** Wherever there is a copy, it asks hosts and reads certificates that only its environment names. */
const OF_A_COPY = OF_ONE_MACHINE.filter((attempt) => attempt !== "read" && attempt !== "net");

/** Says of itself, as the sentence of a rejection each, what it was not let do when it was imported. */
function probe(attempts: readonly Attempt[]): string {
  return `
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
  ${attempts.map((attempt) => `${attempt}: await outcome(() => ${ATTEMPTS[attempt]}),`).join("\n  ")}
};

export default { ...account, rejections: { ...account.rejections, ...rejections } };
`;
}

describe("the service", () => {
  for (
    const [task, attempts] of [["dev", OF_ONE_MACHINE], ["start", OF_ONE_MACHINE], [
      "start:cluster",
      OF_A_COPY,
    ]] as const
  ) {
    it(`may not run programs, load libraries or reach beyond what it works with, by task ${task}`, async () => {
      await using directory = await temporaryDirectory();
      const modules = `${directory.path}/modules`;
      await Deno.mkdir(`${modules}/account`, { recursive: true });
      await Deno.writeTextFile(`${modules}/account/mod.ts`, probe(attempts));
      await using service = await startService({
        directory: directory.path,
        modules,
        ...(task === "start" ? {} : { task }),
      });
      for (const attempt of attempts) {
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
