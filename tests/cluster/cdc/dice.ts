import type { Chance } from "../../service/chance.ts";
import type { Fate } from "./log_writer.ts";

/** Longer than readers with short times look back, and than they wait before they rely on it no more. */
const LATER_THAN_ANY_TAIL_MS = 2_500;

const FATES: readonly [string, (chance: Chance) => Fate][] = [
  ["on time", () => ({})],
  ["late", (chance) => ({ lateMs: chance.between(1, 300) })],
  ["later than any tail", () => ({ lateMs: LATER_THAN_ANY_TAIL_MS })],
  ["again, under another time", (chance) => ({ againAfterMs: chance.pick([1, 50, 500, LATER_THAN_ANY_TAIL_MS]) })],
  ["without one in the middle", () => ({ loses: "middle" })],
  ["without the last", () => ({ loses: "last" })],
  ["never", () => ({ loses: "all" })],
  ["in a closed stream", () => ({ isInClosed: true })],
  ["in the microsecond of another", () => ({ isAtOnce: true })],
  ["dated by another clock", (chance) => ({ skewMs: chance.pick([-3_600_000, -5_000, -100, 100, 5_000, 3_600_000]) })],
];

/** Draws what becomes of commits in the log, and counts it. */
export class Dice {
  readonly counts = new Map<string, number>();

  /** Half go well; of the others, one mishap or several together. */
  readonly fateOf = (chance: Chance): Fate => {
    if (chance.next() < 0.5) return this.#draw(chance, 0);
    const mishaps = Array.from({ length: chance.between(1, 3) }, () => chance.between(1, FATES.length - 1));
    return Object.assign({}, ...mishaps.map((at) => this.#draw(chance, at)));
  };

  /** Those that were never drawn. */
  get missing(): readonly string[] {
    return FATES.map(([name]) => name).filter((name) => !this.counts.has(name));
  }

  #draw(chance: Chance, at: number): Fate {
    const [name, fate] = FATES[at] ?? FATES[0] ?? ["on time", () => ({})];
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    return fate(chance);
  }
}
