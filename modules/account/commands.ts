import { z } from "zod";

const amount = z.number().meta({ description: "In units of money: positive, at most two decimals" });

export const commands = {
  OpenAccount: z.strictObject({ owner: z.string().max(500), initial_balance: z.number() }).meta({
    description: "Opens an account with what it begins with",
    examples: [{ owner: "Alice", initial_balance: 1000 }],
  }),
  Deposit: z.strictObject({ amount }).meta({
    description: "Puts money in",
    examples: [{ amount: 500 }],
  }),
  Withdraw: z.strictObject({ amount }).meta({
    description: "Takes money out, as far as the balance goes",
    examples: [{ amount: 200 }],
  }),
};
