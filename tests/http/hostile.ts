import fc from "fast-check";

/** One request as somebody would send it who means harm, or does not know better. */
export type Hostile = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
};

/** What the commands below go to, and so must be there before. */
const ACCOUNT_ID = "acc-001";
const ID = "0193b5a0-7c1e-7000-8000-000000000001";
const ITEMS = `[{"product_id":"${ID}","quantity":2}]`;

/** Texts that have broken parsers, paths, databases and log files. */
const TEXTS = [
  ...["", " ", ".", "..", "...", "../../etc/passwd", "..%2f..%2fetc", "%00", "\u0000", "%c0%ae", "a\r\nx: y", "\u202e"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "null", "undefined", "NaN", "-0", "1e400"],
  ...["9007199254740993", "-1", "0", "1", "00", "0x10", "2147483648", "1e3", "true", "' or 1=1 --", '"; drop table x'],
  ...[
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "é",
    "e\u0301",
    "ﬀ",
    "İ",
    "😀",
    "\ud800",
    "a".repeat(129),
  ],
  ...[ACCOUNT_ID, ID, "0193B5A0-7C1E-7000-8000-000000000001", "a".repeat(5_000)],
];
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: "binary", maxLength: 40 }));
const segment = text.map((each) => encodeURIComponent(each.toWellFormed()).replaceAll("%2F", "/"));

const PATHS = [
  ...["/accounts", "/accounts/:", "/accounts/:/events", "/orders/:", "/orders/:/events", "/customers", "/customers/:"],
  ...["/views/account_balances", "/views/:", "/views/order_read_model/:", "/views/order_activity_by_day/:"],
  ...["/topics/account-events", "/topics/:", "/problems/:", "/problems/account/:", "/docs/:", "/livez", "/readyz"],
  ...["/metrics", "/openapi.json", "/:", "/:/:", "//:", "/accounts/:/"],
];
const QUERY_NAMES = ["after", "limit", "version", "at", "from", "status", "customer_id", "__proto__", "x"];
const path = fc.tuple(fc.constantFrom(...PATHS), segment, segment).map(([path, first, second]) =>
  path.replace(":", () => first).replace(":", () => second)
);
/** Where commands go, so that bodies are looked at, too. */
const target = fc.constantFrom(
  ...["/accounts", `/accounts/${ACCOUNT_ID}`, `/orders/${ID}`, "/orders", `/customers/${ID}`],
);

const HEADER_VALUES = [
  ...['"1"', '"0"', '"01"', 'W/"1"', "*", '"1", "2"', '"', "k", '"k"', "wait=0", "wait=99999999999", "wait=-1", "wait"],
  ...["WyJhY2NvdW50IiwiYWNjLTAwMSIsMV0", "W10", "e30", "text/event-stream", "text/event-stream;q=0", "*/*", "a/b;;,,"],
  ...["gzip", "application/json", "application/json;charset=utf-16", "text/plain", "Bearer x", "Bearer", "Basic eDp4"],
  ...[ID, "00-0193b5a07c1e700080000000000000001-0193b5a07c1e7000-01", "10.0.0.1"],
  ...["fe80::1%1:1:1:1:1:1:1:1:1", "::ffff:1.1.1.1, 2001:db8::1", "1::,", "https://shop.example", "null", "POST"],
  "x".repeat(1_000),
];
const HEADER_NAMES = [
  "access-control-request-method",
  "access-control-request-headers",
  ...["if-match", "if-none-match", "idempotency-key", "consistency-token", "prefer", "x-correlation-id", "traceparent"],
  ...["last-event-id", "accept", "content-type", "content-encoding", "authorization", "x-forwarded-for", "origin", "x"],
];
/** What fetch sends as it is: anything else is refused before it leaves. */
const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((at) => String.fromCharCode(at)) }).map((
  each,
) => each.replaceAll(/[\x7f-\x9f]/g, "").trim());
const headers = fc.array(
  fc.tuple(fc.constantFrom(...HEADER_NAMES), fc.oneof(fc.constantFrom(...HEADER_VALUES), visible)),
  { maxLength: 4 },
).map((pairs): Record<string, string> => Object.fromEntries(pairs));

const COMMANDS = [
  ...[
    '"OpenAccount","owner":!,"initial_balance":!',
    '"Deposit","amount":!',
    '"Withdraw","amount":!',
    "!",
    '"Deposit",!:!',
  ],
  ...[
    '"CreateOrder","customer_id":!,"items":!',
    '"CreateOrder","customer_id":!,"items":[{"product_id":!,"quantity":!}]',
  ],
  ...['"RegisterCustomer","email":!,"first_name":!,"last_name":!', '"ChangeEmail","new_email":!', '"ConfirmOrder"'],
];
const JSON_TEXTS = [
  ...[
    "1e400",
    "-0",
    "9007199254740993",
    "1E-400",
    "0.1",
    "100",
    "null",
    "true",
    "[]",
    "{}",
    '{"__proto__":{}}',
    '"\\ud800"',
  ],
  ...['{"a":{"constructor":{"prototype":{}}}}', '"\\u0000"', "[".repeat(40) + "]".repeat(40), `"${"x".repeat(501)}"`],
  ...[
    '"Alice"',
    '"a@b.example"',
    `"${ID}"`,
    `{${'"a":{'.repeat(32)}${"}".repeat(33)}`,
    "01",
    "NaN",
    ",",
  ],
];
const json = fc.oneof(
  fc.constantFrom(...JSON_TEXTS),
  fc.json({ maxDepth: 3 }),
  text.map((each) => JSON.stringify(each)),
);
const command = fc.tuple(fc.constantFrom(...COMMANDS), json, json, json).map(([template, ...values]) => {
  const at = values.values();
  return `{"type":${template.replaceAll("!", () => at.next().value ?? "1")}}`;
});
const body = fc.oneof(
  { weight: 6, arbitrary: command },
  { weight: 2, arbitrary: json },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)) },
  { weight: 1, arbitrary: fc.constant("") },
);

type Fields = Readonly<Record<string, string>>;
/** A request that is right: where to, the command's type if it has one, and the JSON of each field. */
type Right = readonly [path: string, type: string | undefined, fields: Fields];

const OPEN: Fields = { owner: '"Alice"', initial_balance: "100000" };
const CREATE: Fields = { customer_id: `"${ID}"`, items: ITEMS };
const REGISTER: Fields = { email: '"a@b.example"', first_name: '"Alice"', last_name: '"Miller"' };
const RIGHT: readonly Right[] = [
  ["/accounts", "OpenAccount", OPEN],
  [`/accounts/${ACCOUNT_ID}`, "OpenAccount", OPEN],
  [`/accounts/${ACCOUNT_ID}`, "Deposit", { amount: "1" }],
  [`/accounts/${ACCOUNT_ID}`, "Withdraw", { amount: "1" }],
  ["/orders", "CreateOrder", CREATE],
  [`/orders/${ID}`, "UpdateItems", { items: ITEMS, reason: '"one more"' }],
  [`/orders/${ID}`, "CancelUnconfirmedOrder", { reason: '"not paid"' }],
  ["/customers", "RegisterCustomer", REGISTER],
  [`/customers/${ID}`, "ChangeEmail", { new_email: '"c@d.example"' }],
  [`/customers/${ID}`, "UpdateProfile", { first_name: '"Bob"', last_name: '"Miller"' }],
];

/** With every field right or, as often, one field that is not. */
function almostRight(all: readonly Right[]): fc.Arbitrary<Hostile> {
  const which = fc.option(fc.nat({ max: 2 }), { nil: undefined, freq: 1 });
  const more = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers });
  return fc.tuple(fc.constantFrom(...all), which, json, more).map(([[path, type, fields], which, value, more]) => {
    const names = Object.keys(fields);
    const wrong = which === undefined ? undefined : names[which % names.length];
    return post([path, type, wrong === undefined ? fields : { ...fields, [wrong]: value }], more);
  });
}

function post([path, type, fields]: Right, headers: Fields = {}): Hostile {
  const all = Object.entries({ ...(type === undefined ? {} : { type: `"${type}"` }), ...fields });
  const body = `{${all.map(([name, json]) => `"${name}":${json}`).join(",")}}`;
  return { method: "POST", path, headers: asJson(headers), body };
}

/** Makes what `hostile` goes to: each is a creation. */
export const SEEDS: readonly Hostile[] = [
  post([`/accounts/${ACCOUNT_ID}`, "OpenAccount", OPEN]),
  post([`/orders/${ID}`, "CreateOrder", CREATE]),
  post([`/customers/${ID}`, "RegisterCustomer", REGISTER]),
];

const METHODS = ["GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"];

/** Requests that a client of HTTP can send at all. */
export const hostile: fc.Arbitrary<Hostile> = fc.oneof(
  fc.record({ method: fc.constant("POST"), path: fc.oneof(path, target), headers: headers.map(asJson), body }),
  fc.record({ method: fc.constant("POST"), path: target, headers: fc.constant(asJson({})), body }),
  { weight: 2, arbitrary: almostRight(RIGHT) },
  asking(path, QUERY_NAMES),
);

const ENTRY: Fields = { subscription: '"account_balances_v1"', aggregate_type: '"account"', aggregate_id: '"acc-001"' };
const OPERATIONS: readonly Right[] = [
  ["/operations/dead-letters/redrive", undefined, { subscription: '"account_balances_v1"', dry_run: "true" }],
  ["/operations/dead-letters/redrive/cancel", undefined, { by: '"Alice"' }],
  ["/operations/dead-letters/skip", undefined, { ...ENTRY, sequence_number: "1", reason: '"broken"', by: '"Alice"' }],
  ["/operations/subscriptions/pause", undefined, { subscription: '"account_balances_v1"', reason: '"night"' }],
  ["/operations/subscriptions/resume", undefined, { subscription: '"account_balances_v1"', by: '"Alice"' }],
];
const operation = fc.constantFrom(
  ...["", "/statistics", "/entry", "/redrive", "/skip", "/:"].map((each) => `/operations/dead-letters${each}`),
  ...["/operations/subscriptions", "/operations/subscriptions/pause", "/operations/audit", "/operations/:", "/metrics"],
);
const operationPath = fc.tuple(operation, segment).map(([path, text]) => path.replace(":", () => text));

/** As `hostile`, to what only the operator's door has. */
export const hostileOperations: fc.Arbitrary<Hostile> = fc.oneof(
  fc.record({ method: fc.constant("POST"), path: operationPath, headers: headers.map(asJson), body }),
  { weight: 2, arbitrary: almostRight(OPERATIONS) },
  asking(operationPath, [...Object.keys(ENTRY), "after", "limit", "__proto__"]),
);

function asking(path: fc.Arbitrary<string>, names: readonly string[]): fc.Arbitrary<Hostile> {
  const pair = fc.tuple(fc.oneof(fc.constantFrom(...names), text), text).map((pair) =>
    pair.map((each) => encodeURIComponent(each.toWellFormed())).join("=")
  );
  const query = fc.array(pair, { maxLength: 3 }).map((pairs) => pairs.join("&"));
  const asked = fc.tuple(path, query).map(([path, query]) => query === "" ? path : `${path}?${query}`);
  return fc.record({ method: fc.constantFrom(...METHODS), path: asked, headers, body: fc.constant(undefined) });
}

function asJson(headers: Readonly<Record<string, string>>): Record<string, string> {
  return { "content-type": "application/json", ...headers };
}
