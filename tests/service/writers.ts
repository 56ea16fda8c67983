import { type Chance, chanceOf } from "./chance.ts";
import { type Journal, submit } from "./journal.ts";
import type { Service } from "./service.ts";

const SHARED_ACCOUNTS = ["shared-1", "shared-2", "shared-3"] as const;
const KEYED_SHARE = 0.85;

/** Clients that ask one thing after the other: of accounts all of them use, and of orders of their own. */
export class Writers {
  readonly #journal: Journal;
  readonly #writers: readonly Writer[];

  constructor(journal: Journal, { seed, count }: { seed: number; count: number }) {
    this.#journal = journal;
    this.#writers = Array.from({ length: count }, (_, at) => new Writer(chanceOf(seed + at + 1)));
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

class Writer {
  readonly #chance: Chance;
  #order: { readonly path: string; readonly left: Command[] } | undefined;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  next() {
    const key = this.#chance.next() < KEYED_SHARE ? this.#chance.uuid() : undefined;
    return { ...this.#nextCommand(), key, correlationId: this.#chance.uuid() };
  }

  /** Of an order that refused a step no more is asked. */
  turnAway(path: string): void {
    if (this.#order?.path === path) this.#order = undefined;
  }

  #nextCommand(): { path: string; command: Command } {
    if (this.#chance.next() < 0.4) return this.#accountCommand();
    this.#order ??= { path: `/orders/${this.#chance.uuid()}`, left: orderLife(this.#chance) };
    const { path, left } = this.#order;
    const [command, ...rest] = left;
    if (command !== undefined) {
      this.#order = { path, left: rest };
      return { path, command };
    }
    this.#order = undefined;
    return this.#nextCommand();
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
