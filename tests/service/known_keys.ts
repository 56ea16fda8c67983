import { assert, assertEquals } from "@std/assert";
import type { Entry } from "./journal.ts";
import { assertProblem, type Service } from "./service.ts";

/** Of each kind of aggregate a command that no writer sends. */
const OTHERS = {
  accounts: { type: "Deposit", amount: 12_345.67 },
  customers: { type: "SuspendCustomer", reason: "another body" },
  orders: { type: "CancelOrder", reason: "another body" },
};

/**
 * Sends the last keyed command of each kind of aggregate again: it is answered as it was when it took effect, wherever
 * that was, and its key is refused for anything else.
 */
export async function assertKnowsKeys(service: Service, entries: readonly Entry[]): Promise<void> {
  for (const [kind, other] of Object.entries(OTHERS)) {
    const keyed = entries.findLast(({ path, key, outcome }) =>
      path.startsWith(`/${kind}/`) && key !== undefined && outcome.is === "acknowledged" && outcome.events.length > 0
    );
    assert(keyed?.key !== undefined && keyed.outcome.is === "acknowledged", `expected a keyed command to ${kind}`);
    const headers = { "idempotency-key": keyed.key };
    const again = await service.post(keyed.path, keyed.command, headers);
    assertEquals([again.headers.get("idempotent-replayed"), again.body.events], ["true", keyed.outcome.events], kind);
    assertProblem(await service.post(keyed.path, other, headers), 422, "idempotency_key_reused");
  }
}
