import { parseArgs } from "node:util";
import { type Answered, Door, Refusal } from "./door.ts";

export type Options = Readonly<Record<string, string | boolean | undefined>>;
export type Command = {
  /** Those it takes besides `COMMON`; another is refused, for it would be taken for heeded. */
  readonly options: readonly string[];
  /** What the one name behind the command says; left out: there is none. */
  readonly name?: string;
  readonly run: (door: Door, given: { readonly options: Options; readonly name: string }) =>
    | Promise<Answered | readonly Answered[]>
    | AsyncIterable<Answered>;
};

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

const COMMON = ["url", "json", "help"];
const COMMON_USAGE = "; always: --url= of the operator's door, --json, --help";

/** Runs one of the commands as the arguments say; exits with 1 and a line that says why where it cannot. */
export async function runCommand(commands: Readonly<Record<string, Command>>, usage: string): Promise<void> {
  try {
    const { values, positionals: [asked = "", ...names] } = parseArgs({
      allowPositionals: true,
      options: {
        ...Object.fromEntries(
          Object.values(commands).flatMap(({ options }) => options).map((name) => [name, { type: "string" as const }]),
        ),
        url: { type: "string" },
        json: { type: "boolean" },
        yes: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help === true) return console.log(usage + COMMON_USAGE);
    const command = Object.hasOwn(commands, asked) ? commands[asked] : undefined;
    if (command === undefined) throw new Refusal(`expected ${usage}${COMMON_USAGE}`);
    requireOptions(asked, command, values);
    const name = requireName(asked, command, names);
    const { url, json = false } = values;
    const door = new Door(url as string | undefined);
    const answer = command.run(door, { options: values, name });
    if (answer instanceof Promise) return print(await answer, json === true);
    for await (const each of answer) print(each, json === true);
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    console.error(`annals: ${error.message}`);
    Deno.exit(1);
  }
}

function requireOptions(asked: string, { options }: Command, given: Options): void {
  const stray = Object.keys(given).find((name) => !COMMON.includes(name) && !options.includes(name));
  if (stray !== undefined) {
    const taken = options.length === 0 ? "none" : options.map((name) => `--${name}`).join(" ");
    throw new Refusal(`${asked} takes no --${stray}; of its own it takes ${taken}`);
  }
  // As a variable of the shell leaves it that is not set.
  const empty = Object.keys(given).find((name) => given[name] === "");
  if (empty !== undefined) throw new Refusal(`expected something in --${empty}=, found nothing`);
}

function requireName(asked: string, command: Command, names: readonly string[]): string {
  const [name = ""] = names;
  if (command.name !== undefined) {
    if (name !== "" && names.length === 1) return name;
    throw new Refusal(`expected ${command.name}`);
  }
  if (names.length === 0) return name;
  const advice = command.options.includes("subscription") ? "; give --subscription= or what else is meant" : "";
  throw new Refusal(`${asked} takes no name, found "${name}"${advice}`);
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
