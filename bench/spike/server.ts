// One server process of one shape: server.ts <shape as JSON> <data folder>. Prints {port, pid, startup} when ready.
import { Hono } from "hono";
import { v7 } from "uuid";
import { EventsDb } from "./events_db.ts";
import { Log, Projection, startWorker } from "./log.ts";
import { required } from "./required.ts";
import { Command, CONFLICT, type Row, type Shape } from "./shape.ts";
import { ViewsDb } from "./views_db.ts";

const shape: Shape = JSON.parse(required(Deno.args[0], "the shape"));
const dir = required(Deno.args[1], "the data folder");

const pool = new Uint8Array(16 * 256);
let used = pool.length;
function rng(): Uint8Array {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool.subarray(used, used += 16);
}
const options = { rng };
const newId =
  { none: () => "", v7: () => v7(), pooled: () => v7(options), random: () => crypto.randomUUID() }[shape.ids];

const wheel = new Set<{ due: number; expire: () => void }>();
if (shape.deadline === "wheel") {
  setInterval(() => {
    const now = performance.now();
    for (const entry of wheel) {
      if (entry.due > now) break;
      wheel.delete(entry);
      entry.expire();
    }
  }, 250);
}

const decoder = new TextDecoder();
function read(request: Request): Promise<unknown> {
  if (shape.body === "json") return request.json();
  if (shape.body === "text") return request.text().then(JSON.parse);
  return request.arrayBuffer().then((bytes) => JSON.parse(decoder.decode(bytes)));
}
function readInTime(request: Request): Promise<unknown> {
  if (shape.deadline === "none") return read(request);
  return new Promise((resolve, reject) => {
    const expire = () => reject(new Error("too slow"));
    if (shape.deadline === "each") {
      const timer = setTimeout(expire, 10_000);
      read(request).then(resolve, reject).finally(() => clearTimeout(timer));
    } else {
      const entry = { due: performance.now() + 10_000, expire };
      wheel.add(entry);
      read(request).then(resolve, reject).finally(() => wheel.delete(entry));
    }
  });
}

interface Account {
  version: number;
  balance: number;
  busy?: Promise<unknown>;
}
const accounts = new Map<string, Account>();
const began = performance.now();
let log: Log, projection: Projection | undefined, startup = 0;

if (shape.kind === "log") {
  const [events, views] = [`${dir}/events.db`, `${dir}/views.db`];
  const inWorker = shape.events === "worker";
  const first = inWorker ? await startWorker({ shape, events, ...shape.views === "same" && { views } }) : undefined;
  log = new Log(shape, first ?? new EventsDb(events, shape));
  const second = shape.views === "worker" ? await startWorker({ shape, views }) : first;
  if (shape.views === "main") projection = new Projection(shape, new ViewsDb(views, shape));
  else if (shape.views !== "none") projection = new Projection(shape, required(second, "the Worker of views.db"));
  startup = performance.now() - began;
  const opening: Promise<number>[] = [];
  for (let i = 0; i < 10_000; i++) {
    accounts.set(`acc-${i}`, { version: 1, balance: 0 });
    opening.push(log.append("account", `acc-${i}`, 0, [row(newId(), "Opened", `{"owner":"o"}`, Date.now())]));
  }
  await Promise.all(opening);
}

function row(id: string, type: string, data: string, at: number): Row {
  const stored = shape.idBlob ? Uint8Array.fromHex(id.replaceAll("-", "")) : id;
  return [stored, type, 1, data, null, null, null, newId(), null, at, null];
}

const app = new Hono();
app.post("/echo/:id", async (c) => {
  const parsed = Command.safeParse(await readInTime(c.req.raw));
  if (!parsed.success) return c.json({ title: "schema" }, 422);
  if (shape.ids !== "none") newId();
  return c.json(parsed.data);
});
app.post("/accounts/:id", async (c) => {
  const parsed = Command.safeParse(await readInTime(c.req.raw));
  if (!parsed.success) return c.json({ title: "schema" }, 422);
  const id = c.req.param("id"), forced = c.req.header("if-match");
  const account = required(accounts.get(id), `account ${id}`);
  while (account.busy) await account.busy;
  const { promise, resolve } = Promise.withResolvers<void>();
  account.busy = promise;
  try {
    const { type, amount } = parsed.data, at = Date.now(), eventId = newId();
    if (type === "Withdraw" && account.balance < amount) return c.json({ title: "insufficient_funds" }, 422);
    const eventType = type === "Deposit" ? "Deposited" : "Withdrawn";
    const expected = forced ? Number(forced.slice(1, -1)) : account.version;
    const rows = [row(eventId, eventType, JSON.stringify({ amount }), at)];
    const first = await log.append("account", id, expected, rows);
    if (first === CONFLICT) return c.json({ title: "conflict" }, 409);
    const version = ++account.version;
    const change = type === "Deposit" ? amount : -amount;
    account.balance += change;
    projection?.deposited(id, version, change, at, first);
    const events = [{ event_id: eventId, sequence_number: version, event_type: eventType }];
    return new Response(JSON.stringify({ id, version, events }), {
      headers: {
        "content-type": "application/json",
        "etag": `"${version}"`,
        "consistency-token": btoa(`["account","${id}",${version}]`),
      },
    });
  } finally {
    delete account.busy;
    resolve();
  }
});
app.get("/stats", (c) =>
  c.json({
    groups: log?.groups ?? 0,
    appends: log?.appends ?? 0,
    conflicts: log?.conflicts ?? 0,
    pending: projection?.pending ?? 0,
    batches: projection?.batches ?? 0,
    documents: projection?.written ?? 0,
  }));
app.get("/check", async (c) => {
  let balance = 0;
  for (const account of accounts.values()) balance += account.balance;
  return c.json({ balance, ...await log.check(), ...await projection?.check() });
});

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(JSON.stringify({ port, pid: Deno.pid, startup })),
}, app.fetch);
