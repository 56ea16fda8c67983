// run.ts [--set=basic] [--rounds=3] [--seconds=5] [--connections=128]: servers one after the other, interleaved by
// round, medians printed.
import { parseArgs } from "node:util";
import { measure, type Measured } from "./measure.ts";
import { required } from "./required.ts";
import { sets } from "./sets.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    set: { type: "string", default: "basic" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    connections: { type: "string", default: "128" },
  },
});
const shapes = sets[values.set];
if (!shapes) throw new Error(`no set ${values.set}; there are ${Object.keys(sets).join(", ")}`);
const wanted = { seconds: Number(values.seconds), connections: Number(values.connections) };
const results = new Map<string, Measured[]>(shapes.map((shape) => [shape.name, []]));

// The first signal ends server and load and takes the data folder away; a second one ends this process at once.
const stop = new AbortController();
const signals = ["SIGINT", "SIGTERM"] as const;
const onSignal = () => {
  for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
  stop.abort();
};
for (const signal of signals) Deno.addSignalListener(signal, onSignal);

try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const shape of shapes) {
      const measured = await measure(shape, wanted, stop.signal);
      required(results.get(shape.name), shape.name).push(measured);
      console.error(`${round + 1} ${shape.name.padEnd(44)} ${Math.round(measured.rate)}/s ${measured.note}`);
    }
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.error("interrupted");
  Deno.exit(130);
}
console.log(table(results));
