import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { printedSeed } from "../service/chance.ts";
import { Journal, submit } from "../service/journal.ts";
import { moment } from "../service/program.ts";
import { assertAllTrue } from "../service/replay.ts";
import { seeing, type Service, startService } from "../service/service.ts";
import { Writers } from "../service/writers.ts";
import { freshKeyspace } from "./keyspace.ts";
import { SLICES, slicesOf } from "./slices.ts";
import { copyOn } from "./stores.ts";
import { until } from "../contract/surroundings.ts";

const LOAD_MS = 2_000;
/** Longer than its leases hold, and than another copy waits before it takes them. */
const PAUSE_MS = 8_000;
const WATCHED = ["shared-1", "shared-2", "shared-3"];

describe("a copy that stands still for longer than its leases", () => {
  it("is stood in for, and when it goes on loses nothing, moves nothing back and has its share again", async () => {
    await using keyspace = await freshKeyspace("paused");
    const [first, second] = await Promise.all([start(keyspace.name), start(keyspace.name)]);
    await using _first = first;
    await using _second = second;
    await until(() => slicesOf(first) === SLICES / 2 && slicesOf(second) === SLICES / 2);
    const seed = printedSeed("paused_owner_cluster_test");
    const journal = new Journal();
    let over = false;
    const writing = [first, second].map((copy, at) =>
      new Writers(journal, { seed: seed + 100 * at, count: 5 }).write(copy, () => over)
    );
    const watching = watchVersions(first, () => over);
    for (const each of [...writing, watching]) each.catch(() => {});
    await moment(LOAD_MS);

    second.program.kill("SIGSTOP");
    const stoppedMs = performance.now();
    await until(() => slicesOf(first) === SLICES);
    await assertShowsAll(first, journal);
    const leftMs = PAUSE_MS - (performance.now() - stoppedMs);
    if (leftMs > 0) await moment(leftMs);
    second.program.kill("SIGCONT");

    await until(() => slicesOf(first) === SLICES / 2 && slicesOf(second) === SLICES / 2);
    await assertShowsAll(second, journal);
    await moment(LOAD_MS);
    over = true;
    await Promise.all([...writing, watching]);
    await until(async () => (await second.get("/readyz")).body.status === "pass");
    await journal.retryUnknown(second);
    await assertAllTrue(first, journal);
    await assertAllTrue(second, journal);
    assert(journal.count("acknowledged") > 100, `expected some load, found ${journal.count("acknowledged")}`);
  });
});

function start(keyspace: string): Promise<Service> {
  return startService(copyOn(keyspace));
}

/** Something new is shown through this copy, whichever slice it falls into. */
async function assertShowsAll(copy: Service, journal: Journal): Promise<void> {
  await Promise.all(Array.from({ length: 3 * SLICES }, async () => {
    const id = crypto.randomUUID();
    const command = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
    const path = `/accounts/${id}`;
    const entry = journal.intend({ path, command, key: undefined, correlationId: crypto.randomUUID() });
    const opened = await submit(copy, entry);
    const shown = await copy.get(`/views/account_balances/${id}`, { headers: seeing(opened) });
    assertEquals(shown.status, 200, shown.text);
  }));
}

/** What a view shows of an aggregate never becomes older. */
async function watchVersions(copy: Service, over: () => boolean): Promise<void> {
  const seen = new Map<string, number>();
  while (!over()) {
    for (const id of WATCHED) {
      const { status, body } = await copy.get(`/views/account_balances/${id}`);
      const version = status === 200 ? Number(body.version) : 0;
      assertGreaterOrEqual(version, seen.get(id) ?? 0, `the version of ${id} in the view`);
      seen.set(id, version);
    }
    await moment(20);
  }
}
