import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type EventOf, specification } from "annals/testing";
import fc from "fast-check";
import account from "./mod.ts";
import { toAmount } from "./state.ts";

const { given } = specification(account);
type Event = EventOf<typeof account>;

const cents = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 1e14 }));
const movement = fc.record({ type: fc.constantFrom("Deposit", "Withdraw"), cents });

describe("An account's balance", () => {
  it("is never negative, never above 10^12, and the sum of what was taken", () => {
    const movements = fc.array(movement, { maxLength: 30 });
    fc.assert(fc.property(fc.integer({ min: 0, max: 1000 }), movements, (start, movements) => {
      const events: Event[] = [{ type: "AccountOpened", owner: "Alice", initial_balance: toAmount(start) }];
      let expectedCents = start;
      for (const { type, cents } of movements) {
        const past = given(...events);
        const decision = past.when({ type, amount: toAmount(cents) }).decision;
        const change = type === "Deposit" ? cents : -cents;
        const isCovered = expectedCents + change >= 0 && expectedCents + change <= 1e14;
        assertEquals("rejected" in decision, !isCovered);
        if ("rejected" in decision) continue;
        assertEquals(decision.length, 1);
        events.push(...decision);
        expectedCents += change;
      }
      const { state } = given(...events);
      assert(state.status === "Open" && state.balance_cents >= 0 && state.balance_cents <= 1e14);
      assertEquals(state.balance_cents, expectedCents);
    }));
  });

  it("moves by no amount with more than two decimals", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 9 }), (cents, mills) => {
      const amount = Number(`${toAmount(cents).toFixed(2)}${mills}`);
      const past = given({ type: "AccountOpened", owner: "Alice", initial_balance: 1 });
      past.when({ type: "Deposit", amount }).thenRejected("invalid_amount");
    }));
  });
});
