import { type Figure, type FigureName, FIGURES, type Measured, verdict } from "./figures.ts";
import type { Round } from "./rounds.ts";
import { median } from "./statistics.ts";

/** What one run found, as it is written to a file. */
export type Report = {
  readonly at: string;
  readonly quick: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly figures: Measured;
  readonly rates: Readonly<Record<string, readonly number[]>>;
};

/** The figures of the rounds: each a ratio within its own round. */
export function figuresOf(rounds: readonly Round[]): Measured {
  const each = (figure: (round: Round) => number) => rounds.map(figure);
  return {
    commands: each(({ service, echo }) => ratio(service[128]?.perSecond, echo[128]?.perSecond)),
    orders: each(({ orders, echoOrders }) => orders.perSecond / echoOrders.perSecond),
    processor: each(({ service, echo }) => ratio(service[128]?.processorUs, echo[128]?.processorUs)),
    tail: each(({ service, echo, fsyncP99Us }) => ratio(service[32]?.p99Us, (echo[32]?.p99Us ?? NaN) + fsyncP99Us)),
    caughtUp: each(({ service }) => (service[128]?.caughtUpMs ?? NaN) / 1000),
    oneAggregate: each(({ oneAggregate, service }) => ratio(oneAggregate.perSecond, service[128]?.perSecond)),
  };
}

/** What the ratios were made from. */
export function ratesOf(rounds: readonly Round[]): Report["rates"] {
  const rates: Record<string, number[]> = {};
  const note = (name: string, value: number) => (rates[name] ??= []).push(value);
  for (const round of rounds) {
    for (const server of ["echo", "service"] as const) {
      for (const [connections, { perSecond, p50Us, p99Us, processorUs }] of Object.entries(round[server])) {
        const of = (what: string) => `${server}, ${connections} connections: ${what}`;
        note(of("commands/s"), perSecond);
        note(of("p50 ms"), p50Us / 1000);
        note(of("p99 ms"), p99Us / 1000);
        note(of("µs of processor"), processorUs);
      }
    }
    note("orders: commands/s", round.orders.perSecond);
    note("orders: µs of processor", round.orders.processorUs);
    note("one aggregate: commands/s", round.oneAggregate.perSecond);
    note("4 KiB and fsync: p99 ms", round.fsyncP99Us / 1000);
  }
  return rates;
}

export function print({ quick, settings, figures, rates }: Report): string {
  const machine = Object.entries(settings).map(([name, value]) => `${name}: ${value}`);
  const scale = quick ? ["", "Quick: shorter loads and smaller files than the figures are meant for."] : [];
  return [...machine, ...scale, "", figureTable(figures), "", ratesTable(rates)].join("\n");
}

function figureTable(figures: Measured): string {
  const names = Object.keys(FIGURES) as FigureName[];
  const rows = names.flatMap((name) => {
    const rounds = figures[name];
    return rounds === undefined ? [] : [figureCells(FIGURES[name], rounds)];
  });
  return table([["Figure", "median (rounds)", "floor", "aim", "reached"], ...rows]);
}

function figureCells(figure: Figure, rounds: readonly number[]): string[] {
  const shown = (value: number) => `${short(value)}${figure.unit === undefined ? "" : ` ${figure.unit}`}`;
  const reached = verdict(figure, median(rounds));
  const all = rounds.length > 1 ? ` (${rounds.map(short).join(", ")})` : "";
  return [
    figure.name,
    `${shown(median(rounds))}${all}`,
    shown(figure.floor),
    shown(figure.aim),
    reached === "missed" ? "NO" : reached,
  ];
}

function ratesTable(rates: Report["rates"]): string {
  const rows = Object.entries(rates).map((
    [name, rounds],
  ) => [name, short(median(rounds)), rounds.map(short).join(", ")]);
  return table([["Measured", "median", "rounds"], ...rows]);
}

/** Markdown, so that it can be pasted. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n");
}

/** Three digits that count. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function ratio(over: number | undefined, under: number | undefined): number {
  return (over ?? NaN) / (under ?? NaN);
}
