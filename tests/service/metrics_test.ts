import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { sumOf } from "../contract/surroundings.ts";
import { SseReader } from "../http/sse_reader.ts";
import { assertStatus, seeing, type Service, startService, temporaryDirectory } from "./service.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const VIEW = "account_balances_v1";

describe("/metrics of the operator's door", () => {
  it("tells what the service on the embedded store has done", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const before = await readPage(service);
    assertEquals(before("commands_total") + before("events_appended_total"), 0);
    const key = { "idempotency-key": "once" };
    for (let at = 0; at < 2; at++) assertStatus(await service.post("/accounts/a", OPEN, key), 201);
    const rejected = await service.post("/accounts/a", { type: "Withdraw", amount: 5 });
    assertStatus(rejected, 422);
    const paid = await service.post("/accounts/a", { type: "Deposit", amount: 5 });
    assertStatus(await service.get("/views/account_balances/a", { headers: seeing(paid) }), 200);
    await using reader = await SseReader.open(`${service.url}/accounts/a/events?from=beginning`);
    assertEquals((await reader.next())?.id, "1");
    const shown = await readPage(service);
    const outcomes = ["done", "rejected", "failed"].map((outcome) => shown("commands_total", { outcome }));
    assertEquals(outcomes, [3, 1, 0]);
    assertEquals(shown("command_duration_seconds_count", { module: "account", command: "OpenAccount" }), 2);
    assertEquals(shown("events_appended_total", { module: "account", type: "MoneyDeposited" }), 1);
    assertEquals(shown("idempotent_replays_total"), 1);
    assertEquals(shown("cdc_events_processed_total", { subscription: VIEW }), 2);
    assertGreater(shown("cdc_processing_duration_seconds_count", { subscription: VIEW }), 0);
    assertEquals(shown("projection_rebuild_progress_ratio", { projection: VIEW }), 1);
    assertEquals(shown("sse_clients"), 1);
    assertGreater(shown("process_resident_memory_bytes"), 10_000_000);
  });
});

type Sum = (name: string, labels?: Readonly<Record<string, string>>) => number;

/** The sums of what is shown now. */
async function readPage(service: Service): Promise<Sum> {
  const { text } = assertStatus(await service.get("/metrics", { door: "operator" }), 200);
  return (name, labels = {}) => sumOf(text, { name, labels });
}
