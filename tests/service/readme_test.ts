import { assert, assertArrayIncludes, assertEquals, assertObjectMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../deno.json" with { type: "json" };
import { run } from "./program.ts";
import { fencesOf, readReadme } from "./readme.ts";
import { type Service, startService, surroundings, temporaryDirectory } from "./service.ts";

type Shown = { readonly status: number; readonly headers: Headers; readonly body: Json; readonly text: string };
type Json = Record<string, unknown> & { readonly items?: readonly Record<string, unknown>[] };

describe("the README's tour", () => {
  it("answers as it says", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const section = (await readReadme()).section("The tour");
    const blocks = fencesOf(section).filter(({ info }) => info === "sh");
    const [claimed] = fencesOf(section).filter(({ info }) => info === "json");
    assertEquals(blocks.length, 6, "a block of the tour that this test does not know");
    const tour = await runBlocks(service, blocks.map(({ code }) => code));
    checkAccount(tour[0] ?? [], JSON.parse(claimed?.code ?? "null"));
    checkPast(tour[1] ?? []);
    checkRejection(tour[2] ?? []);
    checkRetry(tour[3] ?? []);
    checkOrder(tour[4] ?? []);
    checkLive(tour[5] ?? []);
  });
});

describe("the README's look at health", () => {
  it("finds every component healthy", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const blocks = fencesOf((await readReadme()).section("Health and stopping")).map(({ code }) => code);
    const [[health, ready, live] = []] = await runBlocks(service, blocks);
    assertObjectMatch(health?.body ?? {}, { status: "healthy", tree: { name: "root", state: "running" } });
    assertEquals([ready, live].map((answer) => [answer?.status, answer?.body.status]), [[200, "pass"], [200, "pass"]]);
  });
});

describe("the README's backups", () => {
  it("do as it says", async () => {
    await using directory = await temporaryDirectory();
    const section = (await readReadme()).section("Backup, restore, export, import");
    const [backup = "", restore = "", ...rest] = fencesOf(section).map(({ code }) => code);
    assertEquals(rest.length, 1, "a block that this test does not know");
    const runBlock = async (block: string) => {
      const script = `set -e\n${block.replaceAll("/backups/", `${directory.path}/`)}`;
      const environment = { ...surroundings(), DATA_DIR: `${directory.path}/store` };
      const { code, stdout, stderr } = await run("sh", { args: ["-c", script], environment });
      assertEquals(code, 0, stderr);
      return stdout;
    };
    {
      await using service = await startService({ directory: directory.path });
      await service.post("/accounts/acc-001", { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
      assertStringIncludes(await runBlock(backup), "monday.db has 1 event of 1 aggregate");
      await service.post("/accounts/acc-001", { type: "Deposit", amount: 1 });
      assertEquals((await service.end("SIGTERM")).code, 0);
    }
    assertStringIncludes(await runBlock(restore), `What was there is in ${directory.path}/store/replaced-`);
    assertStringIncludes(await runBlock(rest.join("")), "The store has the 1 event of 1 aggregate");
    await using service = await startService({ directory: directory.path });
    assertEquals((await service.get("/accounts/acc-001")).body.version, 1);
  });
});

describe("the README's commands", () => {
  it("are tasks, each with a description and explicit permissions", async () => {
    const readme = await readReadme();
    const text = ["Run", "Working on it"].map((heading) => readme.section(heading)).join("\n");
    const named = [...text.matchAll(/\btask ([a-z:]+)\b/g)].map(([, name]) => name ?? "");
    assertArrayIncludes(named, ["dev", "start", "reset", "test", "ok"]);
    assertArrayIncludes(Object.keys(deno.tasks), named);
    for (const [name, { description, command }] of Object.entries(deno.tasks)) {
      assert(description.length > 0, name);
      assertEquals(/(^|\s)(-A|--allow-all)\b/.test(command), false, name);
    }
    const run = fencesOf(readme.section("Run")).map(({ code }) => code.trim());
    assertEquals(run, ["npx -y deno@2.9.6 task dev"]);
  });
});

function checkAccount([opened, deposited, withdrawn, account]: readonly Shown[], claimed: Json): void {
  assertEquals([opened, deposited, withdrawn].map((answer) => answer?.status), [201, 200, 200]);
  assertObjectMatch(withdrawn?.body ?? {}, { id: "acc-001", version: 3, events: [{ event_type: "MoneyWithdrawn" }] });
  assertEquals(claimed, { id: "acc-001", version: 3, owner: "Alice", balance: 1300 });
  assertEquals(account?.body, claimed);
}

function checkPast([history, past, view]: readonly Shown[]): void {
  const { items = [], next } = history?.body ?? {};
  assertEquals(items.map((event) => [event.sequence_number, event.event_type]), [
    [1, "AccountOpened"],
    [2, "MoneyDeposited"],
    [3, "MoneyWithdrawn"],
  ]);
  assertEquals(next, null);
  assertEquals(past?.body, { id: "acc-001", version: 2, owner: "Alice", balance: 1500 });
  assertEquals(view?.body, {
    id: "acc-001",
    version: 3,
    owner: "Alice",
    balance: 1300,
    updated_at: items[2]?.timestamp,
  });
}

function checkRejection([refused, page]: readonly Shown[]): void {
  assertEquals([refused?.status, refused?.body.type], [422, "/problems/account/insufficient_funds"]);
  assertEquals(page?.status, 200);
  assertStringIncludes(page?.text ?? "", "The balance does not cover the withdrawal");
}

function checkRetry([first, second, stale]: readonly Shown[]): void {
  assertEquals([first?.status, first?.body.version], [200, 4]);
  assertEquals([second?.status, second?.body], [first?.status, first?.body]);
  const replayed = [first, second].map((answer) => answer?.headers.get("idempotent-replayed"));
  assertEquals(replayed, [null, "true"]);
  assertEquals([stale?.status, stale?.body.type], [412, "/problems/precondition_failed"]);
}

function checkOrder([created, confirmed, shipped, delivered, ofCustomer, ofStatus]: readonly Shown[]): void {
  const statuses = [created, confirmed, shipped, delivered].map((answer) => [answer?.status, answer?.body.version]);
  assertEquals(statuses, [[201, 1], [200, 2], [200, 3], [200, 4]]);
  const [order] = ofCustomer?.body.items ?? [];
  assertObjectMatch(order ?? {}, {
    id: created?.body.id,
    version: 4,
    status: "Delivered",
    item_count: 1,
    total_quantity: 2,
    tracking_number: "TRACK-1",
    carrier: "DHL",
  });
  assertEquals(ofCustomer?.body, { items: [order ?? {}], next: null });
  assertEquals(ofStatus?.body, ofCustomer?.body);
}

function checkLive([account, orders]: readonly Shown[]): void {
  const typesOf = (shown?: Shown) => [...shown?.text.matchAll(/^event: (.*)$/gm) ?? []].map(([, type]) => type);
  assertEquals([account, orders].map((shown) => shown?.headers.get("content-type")), [
    "text/event-stream",
    "text/event-stream",
  ]);
  const drawn = ["MoneyWithdrawn", "MoneyWithdrawn"];
  assertEquals(typesOf(account), ["AccountOpened", "MoneyDeposited", ...drawn]);
  assertEquals(typesOf(orders), ["OrderCreated", "OrderConfirmed", "OrderShipped", "OrderDelivered"]);
}

/** Runs each block by a shell, one after the other, and gives the answers of its curls. */
async function runBlocks(service: Service, blocks: readonly string[]): Promise<Shown[][]> {
  const answers: Shown[][] = [];
  let token = "";
  for (const block of blocks) {
    const [host, operators] = [service.url, service.operatorUrl].map((url) => new URL(url).host);
    const hosted = block.replaceAll("localhost:8000", host ?? "").replaceAll("localhost:9090", operators ?? "");
    const script = `set -e\n${CURL}\n${hosted}`;
    const { code, stdout, stderr } = await run("sh", {
      args: ["-c", script],
      environment: { ...surroundings(), TOKEN: token },
    });
    // A live stream ends when curl's time is up.
    assertEquals([code, stderr.replace(/^curl: \(28\).*\n/gm, "")], [0, ""], block);
    const shown = stdout.split(/^(?=HTTP\/1\.1 )/m).map(parse);
    assertEquals(shown.length, block.match(/^curl /gm)?.length, block);
    token = shown.map(({ headers }) => headers.get("consistency-token")).findLast((each) => each !== null) ?? token;
    answers.push(shown);
  }
  return answers;
}

/** A curl that shows headers too, and that reads its own writes: the views would else follow within milliseconds. */
const CURL = `
command -v curl >/dev/null || { echo "curl is missing: install it to run the README's tour" >&2; exit 1; }
curl() {
  if [ -n "$TOKEN" ]; then set -- "$@" -H "Consistency-Token: $TOKEN" -H "Prefer: wait=30"; fi
  ANSWER=$(command curl --include --silent --show-error --max-time 40 "$@") || [ $? = 28 ]
  NEXT=$(printf '%s\\n' "$ANSWER" | sed -n 's/^consistency-token: *\\([A-Za-z0-9_-]*\\).*/\\1/p')
  TOKEN=\${NEXT:-$TOKEN}
  printf '%s\\n' "$ANSWER"
}`;

function parse(answer: string): Shown {
  const [head = "", ...rest] = answer.split(/\r?\n\r?\n/);
  const [statusLine = "", ...lines] = head.split(/\r?\n/);
  const text = rest.join("\n\n").trim();
  const headers = new Headers(lines.map((line): [string, string] => {
    const [name = "", ...value] = line.split(":");
    return [name, value.join(":").trim()];
  }));
  return {
    status: Number(statusLine.split(" ")[1]),
    headers,
    text,
    body: text.startsWith("{") ? JSON.parse(text) : {},
  };
}
