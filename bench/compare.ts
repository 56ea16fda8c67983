import { type FigureName, FIGURES, verdict } from "./figures.ts";
import { type Report, short, table } from "./report.ts";
import { median } from "./statistics.ts";

/** Shows two files of `--json` side by side: the medians, and how much the second is of the first. */
const [first, second] = Deno.args;
if (first === undefined || second === undefined) {
  console.error("Expected two files that the benchmark wrote with --json=FILE, found fewer");
  Deno.exit(1);
}
const [before, after] = [await read(first), await read(second)];
console.log(`first:  ${first}, ${before.at}\nsecond: ${second}, ${after.at}`);
if (before.quick !== after.quick) console.log("One of them is a quick run: their figures are not of the same thing.");
for (const [name, value] of Object.entries(after.settings)) {
  if (before.settings[name] !== value) console.log(`${name}: ${before.settings[name]} | ${value}`);
}
console.log(`\n${table([["Figure", "first", "second", "second / first", "reached"], ...figureRows(), ...rateRows()])}`);

async function read(path: string): Promise<Report> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    console.error(`Cannot read ${path} as a file of the benchmark: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

function figureRows(): string[][] {
  const names = (Object.keys(FIGURES) as FigureName[]).filter((name) =>
    name in before.figures || name in after.figures
  );
  return names.map((name) => {
    const [old, fresh] = [median(before.figures[name] ?? []), median(after.figures[name] ?? [])];
    return [FIGURES[name].name, short(old), short(fresh), short(fresh / old), verdict(FIGURES[name], fresh)];
  });
}

function rateRows(): string[][] {
  return Object.entries(after.rates).map(([name, rounds]) => {
    const [old, fresh] = [median(before.rates[name] ?? []), median(rounds)];
    return [name, short(old), short(fresh), short(fresh / old), ""];
  });
}
