import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SseReader } from "../http/sse_reader.ts";
import { assertStatus, seeing, type Service, startService, temporaryDirectory } from "./service.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
const VIEW = "account_balances_v1";

describe("/metrics of the operator's door", () => {
  it("tells what the service on the embedded store has done", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const before = await Page.read(service);
    assertEquals(before.sum("commands_total") + before.sum("events_appended_total"), 0);
    const key = { "idempotency-key": "once" };
    for (let at = 0; at < 2; at++) assertStatus(await service.post("/accounts/a", OPEN, key), 201);
    const rejected = await service.post("/accounts/a", { type: "Withdraw", amount: 5 });
    assertStatus(rejected, 422);
    const paid = await service.post("/accounts/a", { type: "Deposit", amount: 5 });
    assertStatus(await service.get("/views/account_balances/a", { headers: seeing(paid) }), 200);
    await using reader = await SseReader.open(`${service.url}/accounts/a/events?from=beginning`);
    assertEquals((await reader.next())?.id, "1");
    const page = await Page.read(service);
    const outcomes = ["done", "rejected", "failed"].map((outcome) => page.sum("commands_total", { outcome }));
    assertEquals(outcomes, [3, 1, 0]);
    assertEquals(page.sum("command_duration_seconds_count", { module: "account", command: "OpenAccount" }), 2);
    assertEquals(page.sum("events_appended_total", { module: "account", type: "MoneyDeposited" }), 1);
    assertEquals(page.sum("idempotent_replays_total"), 1);
    assertEquals(page.sum("cdc_events_processed_total", { subscription: VIEW }), 2);
    assertGreater(page.sum("cdc_processing_duration_seconds_count", { subscription: VIEW }), 0);
    assertEquals(page.sum("projection_rebuild_progress_ratio", { projection: VIEW }), 1);
    assertEquals(page.sum("sse_clients"), 1);
    assertGreater(page.sum("process_resident_memory_bytes"), 10_000_000);
  });
});

/** What was shown at one moment. */
class Page {
  readonly #lines: readonly string[];

  private constructor(text: string) {
    this.#lines = text.split("\n");
  }

  static async read(service: Service): Promise<Page> {
    return new Page(assertStatus(await service.get("/metrics", { door: "operator" }), 200).text);
  }

  /** Of one name, over all its labels that match. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return this.#lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }
}
