import { z } from "zod";

export const commands = {
  OpenAccount: z.strictObject({ owner: z.string().max(500), initial_balance: z.number() }),
  Deposit: z.strictObject({ amount: z.number() }),
  Withdraw: z.strictObject({ amount: z.number() }),
};
