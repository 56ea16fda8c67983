import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { specification } from "annals/testing";
import account from "./mod.ts";
import { toAmount, toCents } from "./state.ts";

const { given, when } = specification(account, { id: "acc-001" });
const opened = (initial_balance: number) => ({ type: "AccountOpened", owner: "Alice", initial_balance }) as const;
const deposit = (amount: number) => ({ type: "Deposit", amount }) as const;
const withdraw = (amount: number) => ({ type: "Withdraw", amount }) as const;
const deposited = (amount: number) => ({ type: "MoneyDeposited", amount }) as const;

describe("OpenAccount", () => {
  const open = (initial_balance: number, owner = "Alice") => ({ type: "OpenAccount", owner, initial_balance }) as const;

  it("on a missing account opens it", () => when(open(1000)).then(opened(1000)));
  it("with nothing in it opens it", () => when(open(0)).then(opened(0)));
  it("with a negative zero opens it with zero", () => when(open(-0)).then(opened(0)));
  it("with 10^12 opens it", () => when(open(1e12)).then(opened(1e12)));
  it("on an open account is rejected as account_already_open", () =>
    given(opened(1)).when(open(1)).thenRejected("account_already_open"));
  it("on an open account is rejected as account_already_open whatever it says", () =>
    given(opened(1)).when(open(-1, "")).thenRejected("account_already_open"));
  it("with a blank owner is rejected as empty_owner", () => {
    when(open(1, "")).thenRejected("empty_owner");
    when(open(1, " \t\n")).thenRejected("empty_owner");
    when(open(-1, "")).thenRejected("empty_owner");
  });
  for (const amount of [-0.01, -1, 0.001, 1e12 + 0.01, 1e15, 1e300]) {
    it(`with ${amount} is rejected as invalid_amount`, () => when(open(amount)).thenRejected("invalid_amount"));
  }
});

describe("Deposit", () => {
  it("on a missing account is rejected as account_not_open", () => when(deposit(-1)).thenRejected("account_not_open"));
  it("adds to the balance", () => given(opened(0)).when(deposit(0.01)).then(deposited(0.01)));
  it("sent again adds again", () => given(opened(0), deposited(5)).when(deposit(5)).then(deposited(5)));
  for (const amount of [0, -0, -5, 0.001, 0.999, 1e12 + 1, 1e300, Number.MIN_VALUE]) {
    it(`of ${Object.is(amount, -0) ? "-0" : amount} is rejected as invalid_amount`, () =>
      given(opened(1)).when(deposit(amount)).thenRejected("invalid_amount"));
  }
  it("up to a balance of 10^12 is taken", () =>
    given(opened(0.01)).when(deposit(1e12 - 0.01)).then(deposited(1e12 - 0.01)));
  it("past a balance of 10^12 is rejected as invalid_amount", () =>
    given(opened(0.01)).when(deposit(1e12)).thenRejected("invalid_amount"));
});

describe("Withdraw", () => {
  it("on a missing account is rejected as account_not_open", () => when(withdraw(1)).thenRejected("account_not_open"));
  it("takes from the balance", () =>
    given(opened(500)).when(withdraw(200)).then({ type: "MoneyWithdrawn", amount: 200 }));
  it("takes the whole balance", () =>
    given(opened(0.3)).when(withdraw(0.3)).then({ type: "MoneyWithdrawn", amount: 0.3 }));
  it("above the balance is rejected as insufficient_funds with balance and amount", () =>
    given(opened(100)).when(withdraw(100.01)).thenRejected("insufficient_funds", { balance: 100, amount: 100.01 }));
  it("of the same money twice is rejected as insufficient_funds", () =>
    given(opened(100), { type: "MoneyWithdrawn", amount: 60 })
      .when(withdraw(60)).thenRejected("insufficient_funds", { balance: 40, amount: 60 }));
  for (const amount of [0, -1, 0.005, 1e12 + 1]) {
    it(`of ${amount} is rejected as invalid_amount`, () =>
      given(opened(1)).when(withdraw(amount)).thenRejected("invalid_amount"));
  }
});

describe("the account shown", () => {
  it("has owner and balance", () =>
    given(opened(1000), deposited(500), { type: "MoneyWithdrawn", amount: 200 })
      .thenShows({ owner: "Alice", balance: 1300 }));
  it("makes 0.3 of three deposits of 0.1", () =>
    given(opened(0), deposited(0.1), deposited(0.1), deposited(0.1)).thenShows({ owner: "Alice", balance: 0.3 }));
});

describe("cents", () => {
  it("of every amount with two decimals come back as that amount", () => {
    for (const cents of [0, 1, 7, 29, 57, 58, 113, 101_010, 99_999_999_999_999, 100_000_000_000_000]) {
      assertEquals(toCents(toAmount(cents)), cents);
    }
  });
});

describe("the schemas", () => {
  it("refuse an amount that is no finite number", () => {
    when(deposit(Infinity)).thenInvalid("/amount");
    when(deposit(NaN)).thenInvalid("/amount");
  });
  it("refuse a field nobody declared", () => {
    const command = { ...deposit(1), currency: "EUR" };
    when(command).thenInvalid("");
  });
  it("take an owner of 500 characters and no more", () => {
    const open = (owner: string) => when({ type: "OpenAccount", owner, initial_balance: 0 });
    open("a".repeat(500)).then({ type: "AccountOpened", owner: "a".repeat(500), initial_balance: 0 });
    open("a".repeat(501)).thenInvalid("/owner");
  });
});
