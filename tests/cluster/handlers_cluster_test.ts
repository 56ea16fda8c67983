import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { assertStatus, type Service, startService, temporaryDirectory } from "../service/service.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const SLICES = 8;
const ORDERS = 24;
const PARCELS_BEFORE = 4;
const PARCELS_AFTER = 2;
/** Of an order; the copy that dies is in the middle of telling of it. */
const HELD_PARCEL = 3;

/** An order that is shipped as often as it is asked for: so that several of its events are told. */
const ORDER = `
import { defineModule } from "annals";
import { z } from "zod";
export default defineModule({
  name: "order",
  path: "orders",
  id: "text",
  commands: { ShipOrder: z.strictObject({ tracking_number: z.string(), carrier: z.string() }) },
  events: {
    OrderShipped: z.strictObject({ tracking_number: z.string(), carrier: z.string(), shipped_at: z.string() }),
  },
  rejections: {},
  state: z.strictObject({ parcels: z.int() }),
  creates: ["ShipOrder"],
  decider: {
    initialState: { parcels: 0 },
    decide: (command, _, { now }) => [{ ...command, type: "OrderShipped", shipped_at: now }],
    evolve: ({ parcels }) => ({ parcels: parcels + 1 }),
  },
});
`;

type Told = { readonly by: string; readonly key: string; readonly event: string };

describe("a handler on two copies, of which one is killed while it tells", () => {
  it("tells of every event, of each aggregate in order, with one effect for each key", async () => {
    await using keyspace = await freshKeyspace("handlers");
    await using receiver = openReceiver();
    const { told } = receiver;
    await using directory = await temporaryDirectory();
    await Deno.mkdir(`${directory.path}/modules/order`, { recursive: true });
    await Deno.writeTextFile(`${directory.path}/modules/order/mod.ts`, ORDER);
    const copy = { directory: directory.path, keyspace: keyspace.name };
    await using first = await start({ ...copy, url: receiver.urlOf("first") });
    await using second = await start({ ...copy, url: receiver.urlOf("second") });
    await until(() => slicesOf(first) === SLICES / 2 && slicesOf(second) === SLICES / 2);
    const ids = Array.from({ length: ORDERS }, () => crypto.randomUUID());
    await ship(second, { ids, parcels: PARCELS_BEFORE });

    await until(() => receiver.held !== undefined);
    await first.end("SIGKILL");
    await ship(second, { ids, parcels: PARCELS_AFTER });

    const expected = ids.flatMap((id) => sequenceNumbers().map((at) => `${id}/${at}`));
    const isTold = (event: string) => told.some((each) => each.event === event && each !== receiver.held);
    await until(() => expected.every(isTold), 180_000);
    assertEquals((await second.end("SIGTERM")).code, 0);
    const effects = new Map(told.map(({ key, event }) => [key, event]));
    assertEquals([...effects.values()].sort(), expected.sort(), "one key for each event, and one event for each key");
    for (const { key, event } of told) assertEquals(event, effects.get(key), `the event of the key ${key}`);
    for (const id of ids) {
      const mine = [...new Set(told.map(({ event }) => event))].filter((event) => event.startsWith(`${id}/`));
      assertEquals(mine, sequenceNumbers().map((at) => `${id}/${at}`));
    }
    const repeats = told.filter(({ event }) => event === receiver.held?.event);
    assertEquals(new Set(repeats.map(({ by }) => by)), new Set(["first", "second"]));
    assert(told.some(({ by, event }) => by === "first" && event !== receiver.held?.event), "the first copy told some");
  });
});

/** Keeps what it was told by which copy; one telling of the first copy it never answers. */
function openReceiver() {
  const told: Told[] = [];
  const over = Promise.withResolvers<void>();
  let held: Told | undefined;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { order_id, sequence_number } = await request.json();
    const [, by = ""] = new URL(request.url).pathname.split("/");
    const telling = { by, key: request.headers.get("idempotency-key") ?? "", event: `${order_id}/${sequence_number}` };
    told.push(telling);
    if (held === undefined && by === "first" && sequence_number === HELD_PARCEL) {
      held = telling;
      await over.promise;
    }
    return new Response(null, { status: 204 });
  });
  return {
    told,
    get held() {
      return held;
    },
    urlOf: (copy: string) => `http://127.0.0.1:${server.addr.port}/${copy}`,
    async [Symbol.asyncDispose]() {
      over.resolve();
      await server.shutdown();
    },
  };
}

function start({ directory, keyspace, url }: Record<"directory" | "keyspace" | "url", string>): Promise<Service> {
  const cluster = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace };
  return startService({
    directory,
    task: "start:cluster",
    modules: `${directory}/modules`,
    environment: { ...cluster, WEBHOOK_URL: url, WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" },
  });
}

async function ship(service: Service, { ids, parcels }: { ids: readonly string[]; parcels: number }): Promise<void> {
  const command = { type: "ShipOrder", tracking_number: "T-1", carrier: "Post" };
  for (let parcel = 0; parcel < parcels; parcel += 1) {
    const answers = await Promise.all(ids.map((id) => service.post(`/orders/${id}`, command)));
    for (const answer of answers) assertStatus(answer, answer.body.version === 1 ? 201 : 200);
  }
}

function sequenceNumbers(): number[] {
  return Array.from({ length: PARCELS_BEFORE + PARCELS_AFTER }, (_, at) => at + 1);
}

/** How many slices a copy feeds, as it last said in its log. */
function slicesOf({ program }: Service): number {
  const line = program.stderr.split("\n").findLast((each) => each.includes("The slices of this copy have changed"));
  return line === undefined ? 0 : JSON.parse(line).slices.length;
}
