import { defineProjection } from "annals";
import { z } from "zod";
import { events } from "./events.ts";
import { tier } from "./state.ts";

const document = z.strictObject({
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  phone: z.string().nullable(),
  status: z.enum(["Active", "Suspended", "Deactivated"]),
  tier,
  address_count: z.int(),
  payment_method_count: z.int(),
  registered_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
type Document = z.output<typeof document>;

export const customerReadModel = defineProjection({
  name: "customer_read_model",
  version: 1,
  events,
  document,
  on: {
    CustomerRegistered: (_, { email, first_name, last_name, phone = null }, { timestamp }): Document => ({
      email,
      first_name,
      last_name,
      phone,
      status: "Active",
      tier: "Bronze",
      address_count: 0,
      payment_method_count: 0,
      registered_at: timestamp,
      updated_at: timestamp,
    }),
    CustomerProfileUpdated: (customer, { first_name, last_name, phone }, { timestamp }) =>
      changed(customer, timestamp, {
        ...(first_name === undefined ? {} : { first_name }),
        ...(last_name === undefined ? {} : { last_name }),
        ...(phone === undefined ? {} : { phone }),
      }),
    CustomerEmailChanged: (customer, event, { timestamp }) => changed(customer, timestamp, { email: event.new_email }),
    CustomerPhoneChanged: (customer, event, { timestamp }) => changed(customer, timestamp, { phone: event.new_phone }),
    CustomerAddressAdded: (customer, _, { timestamp }) => counted(customer, timestamp, { address_count: 1 }),
    CustomerAddressUpdated: (customer, _, { timestamp }) => changed(customer, timestamp, {}),
    CustomerAddressRemoved: (customer, _, { timestamp }) => counted(customer, timestamp, { address_count: -1 }),
    CustomerPaymentMethodAdded: (customer, _, { timestamp }) =>
      counted(customer, timestamp, { payment_method_count: 1 }),
    CustomerPaymentMethodRemoved: (customer, _, { timestamp }) =>
      counted(customer, timestamp, { payment_method_count: -1 }),
    CustomerTierUpgraded: (customer, event, { timestamp }) => changed(customer, timestamp, { tier: event.new_tier }),
    CustomerSuspended: (customer, _, { timestamp }) => changed(customer, timestamp, { status: "Suspended" }),
    CustomerReactivated: (customer, _, { timestamp }) => changed(customer, timestamp, { status: "Active" }),
    CustomerDeactivated: (customer, _, { timestamp }) => changed(customer, timestamp, { status: "Deactivated" }),
  },
  indexes: {
    customers_by_status: { by: "status", newestFirstBy: "registered_at" },
    customers_by_tier: { by: "tier", newestFirstBy: "registered_at" },
    customers_by_email: { by: "email", newestFirstBy: "registered_at", ignoreCase: true },
  },
});

function changed(customer: Document | undefined, updated_at: string, change: Partial<Document>): Document | undefined {
  return customer === undefined ? undefined : { ...customer, ...change, updated_at };
}

type Counts = { readonly address_count?: number; readonly payment_method_count?: number };

function counted(customer: Document | undefined, updated_at: string, more: Counts): Document | undefined {
  if (customer === undefined) return undefined;
  const address_count = customer.address_count + (more.address_count ?? 0);
  const payment_method_count = customer.payment_method_count + (more.payment_method_count ?? 0);
  return { ...customer, address_count, payment_method_count, updated_at };
}
