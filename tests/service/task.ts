import { assertEquals } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { type Exit, Program, run } from "./program.ts";
import { surroundings } from "./service.ts";

export type TaskRun = {
  /** Where the data directory is, as `store/` of it. */
  readonly directory: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What a shell does before it becomes the task. */
  readonly prelude?: string;
};
type TaskName = "backup" | "restore" | "export" | "import" | "publish" | "migrate" | "reset";

/** Runs the task by its command: `deno task` would give it all signals anew, and a full disk would kill it. */
export function runTask(name: TaskName, options: TaskRun): Promise<Exit> {
  const { command, ...given } = toRun(name, options);
  return run(command, given);
}

/** What it prints; fails when the task does. */
export async function succeeds(name: TaskName, options: TaskRun): Promise<string> {
  const { code, stdout, stderr } = await runTask(name, options);
  assertEquals(code, 0, stderr);
  return stdout;
}

export function startTask(name: TaskName, options: TaskRun): Program {
  const { command, ...given } = toRun(name, options);
  return new Program(command, given);
}

/** The closing lines of an export without their places, in one order. */
export async function aggregatesIn(file: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(file);
  return [...text.matchAll(/^\{"end":"aggregate",(.*),"place":/gm)].map(([, rest = ""]) => rest).sort();
}

function toRun(name: TaskName, { directory, args, environment = {}, prelude = ":" }: TaskRun) {
  const script = `${prelude}; exec ${deno.tasks[name].command} "$@"`;
  return {
    command: "sh",
    args: ["-c", script, "sh", ...args],
    environment: { ...surroundings(), DATA_DIR: `${directory}/store`, ...environment },
  };
}
