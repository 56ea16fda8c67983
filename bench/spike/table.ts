// The measured rounds as a table of medians.
import type { Measured } from "./measure.ts";
import { required } from "./required.ts";

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = sorted.length >> 1;
  const upper = required(sorted[middle], "a value to take the median of");
  return sorted.length % 2 ? upper : (required(sorted[middle - 1], "the lower middle value") + upper) / 2;
}

/** The median with the least and the greatest. */
function spread(values: number[], digits: number): string {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map((n) => n.toFixed(digits));
  return `${middle} (${low}-${high})`;
}

/** The first shape is the echo: every ratio is taken within its own round. */
export function table(results: Map<string, Measured[]>): string {
  const [echoes = []] = results.values();
  const echo = (round: number) => required(echoes[round], `the echo of round ${round + 1}`);
  const lines = [
    "| Shape | commands/s | of echo | CPU of echo | µs a command (threads) | p50 ms | p99 ms | group | start ms |",
    "|---|---|---|---|---|---|---|---|---|",
  ];
  for (const [name, rounds] of results) {
    const of = (pick: (m: Measured) => number) => median(rounds.map(pick));
    const cells = [
      name,
      of((m) => m.rate).toFixed(0),
      spread(rounds.map((m, round) => m.rate / echo(round).rate), 2),
      spread(rounds.map((m, round) => m.cpu / echo(round).cpu), 1),
      `${of((m) => m.cpu).toFixed(0)} (${byThread(rounds)})`,
      of((m) => m.p50 / 1000).toFixed(1),
      of((m) => m.p99 / 1000).toFixed(1),
      of((m) => m.group).toFixed(0),
      of((m) => m.startup).toFixed(0),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

/** The threads that took at least a microsecond, the busiest first. */
function byThread(rounds: Measured[]): string {
  const names = new Set(rounds.flatMap((round) => Object.keys(round.threads)));
  return [...names].map((name) => ({ name, spent: median(rounds.map((m) => m.threads[name] ?? 0)) }))
    .filter(({ spent }) => spent >= 1).toSorted((a, b) => b.spent - a.spent)
    .map(({ name, spent }) => `${name} ${spent.toFixed(0)}`).join(", ");
}
