import { type Stream, streamKey } from "../../../core/ports/event_store.ts";
import { Recent } from "./recent.ts";

const MAX_EXPECTED = 2_000;
const SHOWN = 10_000;

type Expected = { readonly through: number; readonly dueMs: number };

/**
 * Whether the log shows in time what the announcements prove to be there. The log may lose rows without a sign, so
 * that it works is known from nothing but comparison.
 */
export class Comparison {
  readonly #graceMs: number;
  readonly #expected = new Map<string, Expected>();
  /** How far the log has shown the streams it showed last. */
  readonly #shown = new Recent<number>(SHOWN);

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  show(stream: Stream, through: number): void {
    const key = streamKey(stream);
    const before = this.#shown.get(key) ?? 0;
    this.#shown.set(key, Math.max(before, through));
    const expected = this.#expected.get(key);
    if (expected !== undefined && expected.through <= Math.max(before, through)) this.#expected.delete(key);
  }

  expect(stream: Stream, { through, nowMs }: { readonly through: number; readonly nowMs: number }): void {
    const key = streamKey(stream);
    if ((this.#shown.get(key) ?? 0) >= through) return;
    const before = this.#expected.get(key);
    const dueMs = before?.dueMs ?? nowMs + this.#graceMs;
    this.#expected.set(key, { through: Math.max(through, before?.through ?? 0), dueMs });
    dropBeyond(this.#expected, MAX_EXPECTED);
  }

  /** Forgets of which streams more should have been shown by now, and says how many they were. */
  takeOverdue(nowMs: number): number {
    const overdue = [...this.#expected].filter(([, { dueMs }]) => dueMs <= nowMs);
    for (const [key] of overdue) this.#expected.delete(key);
    return overdue.length;
  }
}

function dropBeyond(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const first of map.keys()) {
    map.delete(first);
    break;
  }
}
