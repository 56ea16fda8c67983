import { Hono } from "hono";
import { z } from "zod";

/** What HTTP, JSON and a schema cost in this runtime, and nothing else: the measure of all ratios. */
const commands = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("OpenAccount"), owner: z.string().max(500), initial_balance: z.number() }),
  z.strictObject({ type: z.literal("Deposit"), amount: z.number() }),
  z.strictObject({
    type: z.literal("CreateOrder"),
    customer_id: z.uuid(),
    items: z.array(z.strictObject({ product_id: z.uuid(), quantity: z.number() })).max(1_000),
  }),
]);

const app = new Hono();
app.post("/accounts/:id", async (context) => context.json(commands.parse(await context.req.json())));
app.post("/orders", async (context) => context.json(commands.parse(await context.req.json())));

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => console.log(`echo http://${hostname}:${port} ready`),
}, app.fetch);
