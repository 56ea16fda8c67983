import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../../deno.json" with { type: "json" };
import { Program } from "../../service/program.ts";
import { surroundings } from "../../service/service.ts";
import { exists } from "./cache.ts";
import { freePorts } from "./ports.ts";
import { shell } from "./shell.ts";
import { within } from "../../contract/surroundings.ts";

const END_MS = 10_000;

/** What holds for the task that runs a server until it is interrupted; `startAnother` is given its like. */
export function describeForeground(
  task: "cassandra" | "kafka",
  startAnother: () => Promise<AsyncDisposable>,
): void {
  describe(`deno task ${task}`, () => {
    it("ends its server on SIGTERM and leaves nothing behind", async () => {
      await using started = await startTask(task);
      started.program.kill("SIGTERM");
      assertEquals((await within(started.program.exited, END_MS, "the task to end")).code, 0);
      assertEquals([await isAlive(started.pid), await exists(started.directory)], [false, false]);
    });

    it("has no server left when it is killed, and the next start removes what it left", async () => {
      await using started = await startTask(task);
      started.program.kill("SIGKILL");
      await started.program.exited;
      await whenEnded(started.pid);
      await using _next = await startAnother();
      assertEquals(await exists(started.directory), false);
    });

    it("ends its server when it is killed while that is paused", async () => {
      await using started = await startTask(task);
      await shell('kill -s STOP "$0"', [String(started.pid)]);
      started.program.kill("SIGKILL");
      await whenEnded(started.pid);
    });
  });
}

export async function whenEnded(pid: number): Promise<void> {
  const waiting = shell('while kill -0 "$0" 2>/dev/null; do sleep 0.05; done', [String(pid)]);
  await within(waiting, END_MS, `the server ${pid} to end`);
}

/** The task without `deno task` around it, which would stay when its child is killed. */
async function startTask(task: "cassandra" | "kafka") {
  const [port = 0] = freePorts("127.0.0.1", 1);
  const [command = "", ...args] = deno.tasks[task].command.split(" ");
  const program = new Program(command, { args: [...args, `--port=${port}`], environment: surroundings() });
  try {
    const [, pid = ""] = await program.whenPrinted(/_PID=(\d+)/);
    const commandLine = await shell('cat "/proc/$0/cmdline"', [pid]);
    const [, directory = ""] = /-Dannals\.server=([^\0]+)/.exec(commandLine.stdout) ?? [];
    assert(directory !== "" && await exists(directory), commandLine.stdout);
    return {
      program,
      pid: Number(pid),
      directory,
      async [Symbol.asyncDispose]() {
        await program[Symbol.asyncDispose]();
        if (await exists(directory)) await Deno.remove(directory, { recursive: true });
      },
    };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return (await shell('kill -0 "$0"', [String(pid)])).code === 0;
}
