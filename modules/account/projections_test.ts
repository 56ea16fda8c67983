import { describe, it } from "@std/testing/bdd";
import { specification } from "annals/testing";
import account from "./mod.ts";
import { accountBalances } from "./projections.ts";

const { given } = specification(account, { id: "acc-001" }).project(accountBalances);
const opened = { type: "AccountOpened", owner: "Alice", initial_balance: 0 } as const;
const LATER = "2026-01-02T00:00:00.000Z";

describe("account_balances", () => {
  it("shows an opened account", () =>
    given({ event: opened, at: LATER }).then("acc-001", { owner: "Alice", balance: 0, updated_at: LATER }));
  it("adds deposits and takes withdrawals in whole cents", () =>
    given(
      opened,
      { type: "MoneyDeposited", amount: 0.1 },
      { type: "MoneyDeposited", amount: 0.1 },
      { type: "MoneyDeposited", amount: 0.3 },
      { event: { type: "MoneyWithdrawn", amount: 0.2 }, at: LATER },
    ).then("acc-001", { owner: "Alice", balance: 0.3, updated_at: LATER }));
  it("keeps accounts apart", () => {
    const balances = given(
      opened,
      { event: { ...opened, owner: "Bob" }, id: "acc-002", at: LATER },
      { event: { type: "MoneyDeposited", amount: 5 }, at: LATER },
    );
    balances.then("acc-001", { owner: "Alice", balance: 5, updated_at: LATER });
    balances.then("acc-002", { owner: "Bob", balance: 0, updated_at: LATER });
    balances.then("acc-003", undefined);
  });
});
