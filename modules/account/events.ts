import { z } from "zod";

export const events = {
  AccountOpened: z.strictObject({ owner: z.string(), initial_balance: z.number() }),
  MoneyDeposited: z.strictObject({ amount: z.number() }),
  MoneyWithdrawn: z.strictObject({ amount: z.number() }),
};
