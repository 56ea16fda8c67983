import { type Chance, chanceOf } from "./chance.ts";
import { type Journal, submit } from "./journal.ts";
import type { Service } from "./service.ts";

const SHARED_ACCOUNTS = ["shared-1", "shared-2", "shared-3"] as const;
const KEYED_SHARE = 0.85;

/**
 * Clients that ask one thing after the other: of accounts all of them use, and of orders of their own; with `customers`
 * of customers of their own, too, among whom some have the same address of mail, written otherwise.
 */
export class Writers {
  readonly #journal: Journal;
  readonly #writers: readonly Writer[];

  constructor(
    journal: Journal,
    { seed, count, customers = false }: { seed: number; count: number; customers?: boolean },
  ) {
    this.#journal = journal;
    this.#writers = Array.from({ length: count }, (_, at) => new Writer(chanceOf(seed + at + 1), customers));
  }

  /** Runs until `over()`: what happens to a request from then on is not the service's fault. */
  async write(service: Service, over: () => boolean): Promise<void> {
    const running = this.#writers.map(async (writer) => {
      while (!over()) {
        const entry = this.#journal.intend(writer.next());
        try {
          await submit(service, entry);
        } catch (error) {
          if (over()) return;
          throw error;
        }
        if (entry.outcome.is === "refused") writer.turnAway(entry.path);
      }
    });
    await Promise.all(running);
  }
}

type Command = Readonly<Record<string, unknown>>;

/** What is left to ask of an aggregate of one's own. */
type Life = { readonly path: string; readonly left: Command[] };

class Writer {
  readonly #chance: Chance;
  readonly #customers: boolean;
  #life: Life | undefined;

  constructor(chance: Chance, customers: boolean) {
    this.#chance = chance;
    this.#customers = customers;
  }

  next() {
    const key = this.#chance.next() < KEYED_SHARE ? this.#chance.uuid() : undefined;
    return { ...this.#nextCommand(), key, correlationId: this.#chance.uuid() };
  }

  /** Of what refused a step no more is asked. */
  turnAway(path: string): void {
    if (this.#life?.path === path) this.#life = undefined;
  }

  #nextCommand(): { path: string; command: Command } {
    if (this.#chance.next() < 0.4) return this.#accountCommand();
    this.#life ??= this.#newLife();
    const { path, left } = this.#life;
    const [command, ...rest] = left;
    if (command !== undefined) {
      this.#life = { path, left: rest };
      return { path, command };
    }
    this.#life = undefined;
    return this.#nextCommand();
  }

  #newLife(): Life {
    const chance = this.#chance;
    const isCustomer = this.#customers && chance.next() < 0.5;
    if (isCustomer) return { path: `/customers/${chance.uuid()}`, left: customerLife(chance) };
    return { path: `/orders/${chance.uuid()}`, left: orderLife(chance) };
  }

  #accountCommand(): { path: string; command: Command } {
    const path = `/accounts/${this.#chance.pick(SHARED_ACCOUNTS)}`;
    const amount = this.#chance.between(1, 100_000) / 100;
    const opens = this.#chance.next() < 0.05;
    if (opens) return { path, command: { type: "OpenAccount", owner: "Alice", initial_balance: amount } };
    return { path, command: { type: this.#chance.pick(["Deposit", "Deposit", "Withdraw"]), amount } };
  }
}

function orderLife(chance: Chance): Command[] {
  const items = () => [{ product_id: chance.uuid(), quantity: chance.between(1, 9) }];
  const create = { type: "CreateOrder", customer_id: chance.uuid(), items: items() };
  const update = { type: "UpdateItems", items: items(), reason: "the customer's wish" };
  const confirm = { type: "ConfirmOrder" };
  const ship = { type: "ShipOrder", tracking_number: `T-${chance.between(1, 1e6)}`, carrier: "DHL" };
  const end = chance.pick([{ type: "DeliverOrder" }, { type: "CancelOrder", reason: "lost" }]);
  return chance.pick([[create, confirm, ship, end], [create, update, confirm, ship, end], [create, end]]);
}

function customerLife(chance: Chance): Command[] {
  const email = (from: number) =>
    `${chance.pick(["alice", "Alice", "ALICE", "bob"])}.${chance.between(from, from + 9)}@example.com`;
  const phone = chance.pick([{}, { phone: "+49 40 123456" }]);
  const register = { type: "RegisterCustomer", email: email(1), first_name: "Alice", last_name: "Müller", ...phone };
  const place = { street: "1 Harbour Road", city: "Hamburg", state: "HH", postal_code: "20457", country: "DE" };
  const [first, second, card] = [chance.uuid(), chance.uuid(), chance.uuid()];
  const home = { type: "AddAddress", address_id: first, address: place, set_as_default: true };
  const work = { type: "AddAddress", address_id: second, address: { ...place, street: "2" }, set_as_default: false };
  const pay = {
    ...{ type: "AddPaymentMethod", payment_method_id: card, method_type: "CreditCard" },
    ...{ last_four: String(chance.between(1_000, 9_999)), is_default: true },
  };
  const upgrade = { type: "UpgradeTier", new_tier: chance.pick(["Silver", "Gold"]) };
  const suspend = { type: "SuspendCustomer", reason: "payment overdue" };
  const moves = [{ type: "ChangeEmail", new_email: email(11) }, { type: "RemoveAddress", address_id: first }];
  const end = chance.pick([{ type: "ReactivateCustomer" }, { type: "DeactivateCustomer", reason: "asked for" }]);
  return chance.pick([[register, upgrade], [register, home, work, ...moves, pay], [register, pay, suspend, end]]);
}
