import { z } from "zod";

/** Money is kept in whole cents: three deposits of 0.1 make 0.3. */
export const state = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("Missing") }),
  z.strictObject({ status: z.literal("Open"), owner: z.string(), balance_cents: z.int() }),
]);

/** What is shown of it: in units, not in cents. */
export const presented = z.strictObject({ owner: z.string(), balance: z.number() });

export type State = z.output<typeof state>;

/** Whole cents of an amount, or undefined when it has more than two decimals. Never -0, which JSON would not keep. */
export function toCents(amount: number): number | undefined {
  const cents = Math.round(amount * 100) + 0;
  return cents / 100 === amount ? cents : undefined;
}

export function toAmount(cents: number): number {
  return cents / 100;
}
