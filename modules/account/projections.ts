import { defineProjection } from "annals";
import { z } from "zod";
import { events } from "./events.ts";
import { toAmount, toCents } from "./state.ts";

const document = z.strictObject({ owner: z.string(), balance: z.number(), updated_at: z.iso.datetime() });
type Document = z.output<typeof document>;

export const accountBalances = defineProjection({
  name: "account_balances",
  version: 1,
  events,
  document,
  on: {
    AccountOpened: (_, event, { timestamp }) => ({
      owner: event.owner,
      balance: event.initial_balance,
      updated_at: timestamp,
    }),
    MoneyDeposited: (document, event, { timestamp }) => moved(document, event.amount, timestamp),
    MoneyWithdrawn: (document, event, { timestamp }) => moved(document, -event.amount, timestamp),
  },
});

function moved(document: Document | undefined, amount: number, timestamp: string): Document | undefined {
  if (document === undefined) return undefined;
  const cents = (toCents(document.balance) ?? 0) + (toCents(amount) ?? 0);
  return { ...document, balance: toAmount(cents), updated_at: timestamp };
}
