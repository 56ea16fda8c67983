import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import type { Exit, Program } from "./program.ts";
import { startTask } from "./task.ts";

/** A backup that has written some of its pages and not all. One that was too quick is begun again, for another file. */
export async function stoppedInTheMiddle(directory: string): Promise<Program> {
  const whole = sizeOf(`${directory}/store/events.db`);
  for (let round = 1; round <= 20; round += 1) {
    const program = startTask("backup", { directory, args: [`${directory}/copy-${round}`] });
    const written = () => writtenOf(directory, `copy-${round}`);
    let exit: Exit | undefined;
    program.exited.then((each) => exit = each);
    while (written() === 0 && exit === undefined) await new Promise((resolve) => setImmediate(resolve));
    assertEquals(exit?.stderr ?? "", "");
    program.killIfAlive("SIGSTOP");
    if (written() < whole) return program;
    await program[Symbol.asyncDispose]();
    for (const each of namesOf(directory, `copy-${round}`)) await Deno.remove(`${directory}/${each}`);
  }
  throw new Error("expected to stop a backup in the middle, found each at its end; make the store larger");
}

/** The bytes of a file under way to this name; infinitely many once it has it. */
function writtenOf(directory: string, name: string): number {
  const names = namesOf(directory, name);
  if (names.includes(name)) return Infinity;
  const partial = names.find((each) => each.endsWith(".partial"));
  try {
    return partial === undefined ? 0 : Deno.statSync(`${directory}/${partial}`).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return Infinity;
    throw error;
  }
}

/** What there is of this name and of those that it is given before. */
function namesOf(directory: string, name: string): readonly string[] {
  const names = [...Deno.readDirSync(directory)].map((entry) => entry.name);
  return names.filter((each) => each === name || each.startsWith(`${name}.`));
}

function sizeOf(path: string): number {
  using db = new DatabaseSync(path, { readOnly: true });
  const { bytes } =
    db.prepare("select page_count * page_size as bytes from pragma_page_count, pragma_page_size").get() ??
      {};
  return Number(bytes);
}
