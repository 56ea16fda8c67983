import { parseArgs } from "node:util";
import { type Answered, Door, Refusal } from "./door.ts";

export type Options = Readonly<Record<string, string | boolean | undefined>>;
export type Command = (door: Door, given: { readonly options: Options; readonly names: readonly string[] }) =>
  | Promise<Answered | readonly Answered[]>
  | AsyncIterable<Answered>;

/** A table for people, or with `--json` a line of JSON for each answer. */
function print(answer: Answered | readonly Answered[], asJson: boolean): void {
  if (asJson) console.log(JSON.stringify(answer));
  else if (Array.isArray(answer)) printRows(answer);
  else for (const [name, value] of Object.entries(answer)) console.log(`${name}: ${text(value)}`);
}

function printRows(rows: readonly Answered[]): void {
  if (rows.length === 0) return console.log("none");
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => text(row[name])))];
  const widths = names.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  for (const row of cells) console.log(row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd());
}

/** In one line, whatever is in it. */
function text(value: unknown): string {
  return typeof value === "string" && !/[\p{Cc}]/u.test(value) ? value : JSON.stringify(value) ?? "";
}

const COMMON = "; always: --url= of the operator's door, --json, --help";

/** Runs one of the commands as the arguments say; exits with 1 and a line that says why where it cannot. */
export async function runCommand(
  commands: Readonly<Record<string, Command>>,
  { options, usage }: { readonly options: readonly string[]; readonly usage: string },
): Promise<void> {
  try {
    const { values, positionals: [name = "", ...names] } = parseArgs({
      allowPositionals: true,
      options: {
        ...Object.fromEntries(options.map((option) => [option, { type: "string" as const }])),
        url: { type: "string" },
        json: { type: "boolean" },
        yes: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help === true) return console.log(usage + COMMON);
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw new Refusal(`expected ${usage}${COMMON}`);
    const { url, json = false } = values;
    const door = new Door(url as string | undefined);
    const answer = command(door, { options: values, names });
    if (answer instanceof Promise) return print(await answer, json === true);
    for await (const each of answer) print(each, json === true);
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    console.error(`annals: ${error.message}`);
    Deno.exit(1);
  }
}

/** The number that an option has, if it is there. */
export function numberOf(value: Options[string], name: string): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value !== "" && Number.isFinite(number) && number > 0) return number;
  throw new Refusal(`expected a number above 0 in --${name}=, found "${value}"`);
}

/** The value of an option that has to be there. */
export function required(options: Options, name: string): string {
  const value = options[name];
  if (typeof value === "string" && value !== "") return value;
  throw new Refusal(`expected --${name}=`);
}
