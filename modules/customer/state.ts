import { z } from "zod";

/** A canonical UUID: lower case only, so that one thing has one spelling. */
export const uuid = z.string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "Expected a lower-case UUID")
  .meta({ format: "uuid" });

const text = z.string().max(500);

export const address = z.strictObject({
  street: text,
  city: text,
  state: text,
  postal_code: text,
  country: text,
});

/** From the lowest to the highest. */
export const tier = z.enum(["Bronze", "Silver", "Gold", "Platinum"]);

export const paymentMethod = z.strictObject({
  payment_method_id: uuid,
  method_type: z.enum(["CreditCard", "DebitCard", "BankAccount", "DigitalWallet"]),
  last_four: z.string().regex(/^[0-9]{4}$/, "Expected exactly four digits"),
  is_default: z.boolean(),
});

const registered = {
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  phone: z.string().nullable(),
  tier,
  /** Oldest first; where there are any, exactly one is the default. */
  addresses: z.array(z.strictObject({ address_id: uuid, address, is_default: z.boolean() })),
  payment_methods: z.array(paymentMethod),
  registered_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
};

export const state = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("Missing") }),
  z.strictObject({ status: z.literal("Active"), ...registered }),
  z.strictObject({ status: z.literal("Suspended"), ...registered }),
  z.strictObject({ status: z.literal("Deactivated"), ...registered }),
]);

export type State = z.output<typeof state>;
export type Registered = Exclude<State, { status: "Missing" }>;
type Address = z.output<typeof address>;
type Default = { readonly is_default: boolean };

export function isSameAddress(left: Address, right: Address): boolean {
  return left.street === right.street && left.city === right.city && left.state === right.state &&
    left.postal_code === right.postal_code && left.country === right.country;
}

/** Adds the newest; as the default it takes over from the one before. */
export function withAdded<T extends Default>(list: readonly T[], added: T): T[] {
  const others = added.is_default ? list.map((each) => ({ ...each, is_default: false })) : list;
  return [...others, added];
}

export function withoutAddress({ addresses }: Registered, removed: string): Registered["addresses"] {
  return withOneDefault(addresses.filter(({ address_id }) => address_id !== removed));
}

export function withoutMethod({ payment_methods }: Registered, removed: string): Registered["payment_methods"] {
  return withOneDefault(payment_methods.filter(({ payment_method_id }) => payment_method_id !== removed));
}

/** Where the default is gone, the oldest takes its place. */
function withOneDefault<T extends Default>(list: readonly T[]): T[] {
  const hasDefault = list.some(({ is_default }) => is_default);
  return list.map((each, at) => hasDefault ? each : { ...each, is_default: at === 0 });
}

const ATOM = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]{1,64}$/u;
const LABEL = /^[\p{L}\p{N}]([\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?$/u;

/** What a browser's email field takes (HTML Standard), in any script, with a dot in the domain; in linear time. */
export function isEmail(text: string): boolean {
  const [local = "", domain = "", ...others] = text.split("@");
  const labels = domain.split(".");
  return others.length === 0 && local.split(".").every((atom) => ATOM.test(atom)) &&
    labels.length > 1 && labels.every((label) => LABEL.test(label));
}
