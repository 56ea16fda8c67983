import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Module } from "annals";
import account from "../../modules/account/mod.ts";
import customer from "../../modules/customer/mod.ts";
import order from "../../modules/order/mod.ts";
import { openService } from "./rig.ts";

type Command = { readonly type: string; readonly [field: string]: unknown };

/** What was done before, and the command that is then refused. */
type Refused = { readonly after: readonly Command[]; readonly command: Command };
type Refusals = Readonly<Record<string, readonly Refused[]>>;

const ID = "0193b5a0-7c1e-7000-8000-0000000000aa";
const OTHER_ID = "0193b5a0-7c1e-7000-8000-0000000000bb";

const opened = { type: "OpenAccount", owner: "Alice", initial_balance: 10 };
const accountRefusals: Refusals = {
  account_not_open: [
    { after: [], command: { type: "Deposit", amount: 1 } },
    { after: [], command: { type: "Withdraw", amount: 1 } },
  ],
  account_already_open: [{ after: [opened], command: opened }],
  empty_owner: [{ after: [], command: { ...opened, owner: " " } }],
  insufficient_funds: [{ after: [opened], command: { type: "Withdraw", amount: 10.01 } }],
  invalid_amount: [
    { after: [], command: { ...opened, initial_balance: -1 } },
    { after: [opened], command: { type: "Deposit", amount: 0 } },
    { after: [opened], command: { type: "Deposit", amount: 1.001 } },
    { after: [opened], command: { type: "Deposit", amount: 1e12 } },
    { after: [opened], command: { type: "Withdraw", amount: -1 } },
  ],
};

const items = [{ product_id: ID, quantity: 1 }];
const created = { type: "CreateOrder", customer_id: ID, items };
const confirmed = [created, { type: "ConfirmOrder" }];
const ship = { type: "ShipOrder", tracking_number: "t", carrier: "c" };
const shipped = [...confirmed, ship];
const delivered = [...shipped, { type: "DeliverOrder" }];
const cancelled = [created, { type: "CancelOrder" }];
const orderRefusals: Refusals = {
  not_initialized: [
    { after: [], command: { type: "UpdateItems", items } },
    { after: [], command: { type: "ConfirmOrder" } },
    { after: [], command: ship },
    { after: [], command: { type: "DeliverOrder" } },
    { after: [], command: { type: "CancelOrder" } },
    { after: [], command: { type: "CancelUnconfirmedOrder", reason: "late" } },
  ],
  already_exists: [{ after: [created], command: created }, { after: cancelled, command: created }],
  empty_items: [
    { after: [], command: { ...created, items: [] } },
    { after: [created], command: { type: "UpdateItems", items: [] } },
  ],
  invalid_quantity: [
    { after: [], command: { ...created, items: [{ product_id: ID, quantity: 0 }] } },
    { after: [], command: { ...created, items: [{ product_id: ID, quantity: 1.5 }] } },
  ],
  already_confirmed: [{ after: confirmed, command: { type: "ConfirmOrder" } }],
  not_confirmed: [{ after: [created], command: ship }],
  not_shipped: [
    { after: [created], command: { type: "DeliverOrder" } },
    { after: confirmed, command: { type: "DeliverOrder" } },
  ],
  already_cancelled: [{ after: cancelled, command: { type: "CancelOrder" } }],
  invalid_status_transition: [
    { after: shipped, command: { type: "ConfirmOrder" } },
    { after: delivered, command: { type: "CancelOrder" } },
    { after: confirmed, command: { type: "UpdateItems", items } },
    { after: cancelled, command: ship },
  ],
};

const registered = { type: "RegisterCustomer", email: "ann@example.com", first_name: "Ann", last_name: "Lee" };
const suspended = [registered, { type: "SuspendCustomer", reason: "r" }];
const deactivated = [registered, { type: "DeactivateCustomer", reason: "r" }];
const method = { type: "AddPaymentMethod", method_type: "CreditCard", last_four: "4242", is_default: false };
const methods = [{ ...method, payment_method_id: ID }, { ...method, payment_method_id: OTHER_ID }];
const customerRefusals: Refusals = {
  not_initialized: [{ after: [], command: { type: "ChangePhone", new_phone: "+49 30 1" } }],
  already_exists: [{ after: [registered], command: registered }],
  empty_email: [{ after: [], command: { ...registered, email: " " } }],
  invalid_email: [
    { after: [], command: { ...registered, email: "x" } },
    { after: [registered], command: { type: "ChangeEmail", new_email: "x@y" } },
  ],
  empty_first_name: [
    { after: [], command: { ...registered, first_name: "" } },
    { after: [registered], command: { type: "UpdateProfile", first_name: " " } },
  ],
  empty_last_name: [{ after: [], command: { ...registered, last_name: "" } }],
  not_active: [
    { after: suspended, command: { type: "ChangePhone", new_phone: "+49 30 1" } },
    { after: deactivated, command: { type: "UpgradeTier", new_tier: "Gold" } },
  ],
  already_suspended: [{ after: suspended, command: { type: "SuspendCustomer", reason: "r" } }],
  already_deactivated: [
    { after: deactivated, command: { type: "DeactivateCustomer", reason: "r" } },
    { after: deactivated, command: { type: "SuspendCustomer", reason: "r" } },
  ],
  not_suspended: [{ after: [registered], command: { type: "ReactivateCustomer" } }],
  address_not_found: [{ after: [registered], command: { type: "RemoveAddress", address_id: ID } }],
  payment_method_not_found: [
    { after: [registered], command: { type: "RemovePaymentMethod", payment_method_id: ID } },
  ],
  cannot_remove_default_payment_method: [
    { after: [registered, ...methods], command: { type: "RemovePaymentMethod", payment_method_id: ID } },
  ],
  tier_downgrade_not_allowed: [
    {
      after: [registered, { type: "UpgradeTier", new_tier: "Gold" }],
      command: { type: "UpgradeTier", new_tier: "Silver" },
    },
  ],
};

const all: readonly (readonly [Module, Refusals])[] = [
  [account, accountRefusals],
  [order, orderRefusals],
  [customer, customerRefusals],
];

for (const [module, refusals] of all) {
  describe(`every rejection of ${module.name}, over HTTP`, () => {
    it("is reached by a case here", () => {
      const reached = Object.keys(refusals).filter((code) => refusals[code]?.length !== 0);
      assertEquals(reached.sort(), Object.keys(module.rejections).sort());
    });

    for (const [code, cases] of Object.entries(refusals)) {
      for (const { after, command } of cases) {
        const done = after.map(({ type }) => type).join(", ") || "nothing";
        it(`${command.type} after ${done} is rejected as ${code}, and nothing is stored`, async () => {
          await using service = await openService();
          const path = `/${module.path}/${ID}`;
          for (const body of after) assertEquals(Math.floor((await service.send(path, { body })).status / 100), 2);
          const answer = await service.send(path, { body: command });
          assertEquals([answer.status, answer.body.type], [422, `/problems/${module.name}/${code}`]);
          assertEquals(answer.body.title, module.rejections[code]);
          const history = await service.send(`${path}/events`);
          assertEquals((history.body.items as unknown[] | undefined)?.length ?? 0, after.length);
          const page = await service.send(String(answer.body.type));
          assertEquals(page.status, 200);
          assertStringIncludes(page.text, code);
        });
      }
    }
  });
}
