import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../deno.json" with { type: "json" };
import { run } from "../tests/service/program.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const ORDER = `/orders/${UUID}`;
const VIEW = "/views/order_read_model";

/** Each line the demo tells, in this order. */
const LINES = [
  /^A service of its own at http:\/\/127\.0\.0\.1:\d+, on data\/demo-\w+$/,
  / 1\. .+: POST \/customers \{"type":"RegisterCustomer",.+ -> 201 CustomerRegistered, version 1$/,
  / 2\. .+: POST \/orders \{"type":"CreateOrder",.+ -> 201 OrderCreated, version 1$/,
  new RegExp(` 3\\. .+: POST ${ORDER} \\{"type":"ConfirmOrder"\\} -> 200 OrderConfirmed, version 2$`),
  new RegExp(` 4\\. .+: POST ${ORDER} \\{"type":"ShipOrder",.+ -> 200 OrderShipped, version 3$`),
  new RegExp(` 5\\. .+: POST ${ORDER} \\{"type":"DeliverOrder"\\} -> 200 OrderDelivered, version 4$`),
  new RegExp(` 6\\. .+: GET ${ORDER} -> 200 Delivered, version 4$`),
  new RegExp(` 7\\. .+: GET ${ORDER}/events -> 200 OrderCreated, OrderConfirmed, OrderShipped, OrderDelivered$`),
  new RegExp(` 8\\. .+: GET ${ORDER}\\?version=2 -> 200 Confirmed, version 2$`),
  new RegExp(` 9\\. .+: GET ${VIEW}\\?customer_id=${UUID} -> 200 the order is among hers$`),
  new RegExp(`10\\. .+: GET ${VIEW}\\?status=Delivered -> 200 the order is among the delivered ones$`),
  new RegExp(`11\\. .+: POST ${ORDER} .+ -> 422 \\{"type":"/problems/order/invalid_status_transition",.+"status":422`),
  /12\. .+: POST \/accounts\/demo-\w+ \{"type":"OpenAccount",.+ -> 201 AccountOpened, version 1$/,
  /13\. .+ Idempotency-Key: key-\w+ \{"type":"Deposit","amount":20\} -> 200 MoneyDeposited, version 2$/,
  /14\. .+ Idempotency-Key: key-\w+ \{"type":"Deposit","amount":20\} -> 200 the first answer again/,
  /15\. .+: 2 x POST .+"amount":80\} -> 200 and 422 one is refused: balance is 40, amount is 80$/,
  /16\. .+: GET \/accounts\/demo-\w+ -> 200 \{"id":"demo-\w+","owner":"Ada","balance":40,"version":3\}$/,
  /^17\. .+: POST \/parcels\/demo-\w+ \{"type":"SendParcel","to":"Ada"\} -> 201 ParcelSent, version 1$/,
  /^18\. .+: GET \/views\/parcel_read_model\/demo-\w+ -> 503 The view has stopped before the write you ask for$/,
  /^19\. .+: GET \/operations\/dead-letters\?.+ -> 200 parcel_read_model_v1 at event 1: Error: broken on purpose$/,
  /^20\. .+: POST \/operations\/dead-letters\/redrive \{.+ -> 200 1 is tried$/,
  /^21\. .+: GET \/views\/parcel_read_model\/demo-\w+ -> 200 \{.*"to":"Ada".*\}$/,
];

describe("the demo", () => {
  it("tells each step on a service of its own, says what to try, and leaves nothing behind", async () => {
    const { code, stdout, stderr } = await demo("--once");
    assertEquals([code, stderr], [0, ""], stdout);
    const lines = stdout.split("\n");
    for (const [at, line] of LINES.entries()) assertMatch(lines[at] ?? "no line", line);
    const tries = lines.slice(LINES.length);
    assertEquals(tries.slice(0, 2), ["", "To try while the service runs:"]);
    const url = /http:\S+(?=,)/.exec(lines[0] ?? "")?.[0] ?? "no URL";
    for (const line of tries.slice(2).filter((line) => line !== "")) {
      assertEquals([line, line.includes(url)], [line, true]);
    }
    const directory = /data\/demo-\w+/.exec(lines[0] ?? "")?.[0] ?? ".";
    assertEquals(await Deno.stat(directory).catch(() => "gone"), "gone");
  });

  it("ends with the step that a service answered otherwise", async () => {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      return Response.json({ id: "a", version: 7, events: [{ event_type: "CustomerRegistered" }] }, { status: 201 });
    });
    const { code, stdout, stderr } = await demo("--once", `--url=http://127.0.0.1:${server.addr.port}`);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^The demo failed at step {2}1\. A customer registers: POST \/customers .+: expected .+, found .+7/,
    );
  });

  it("says that nobody answers at the URL", async () => {
    const url = "http://127.0.0.1:2";
    const { code, stderr } = await demo(`--url=${url}`);
    assertEquals([code, stderr.includes(`cannot reach ${url}`)], [1, true], stderr);
  });
});

function demo(...options: string[]) {
  const [command = "", ...args] = deno.tasks.demo.command.split(" ");
  return run(command, { args: [...args, ...options], environment: Deno.env.toObject() });
}
