import { assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { Unavailable } from "../../core/ports/event_store.ts";
import type { ProgressUpdate } from "../../core/ports/progress.ts";
import { openReader } from "../../tests/contract/change_source.ts";
import { NO_PROGRESS, parkedOf } from "../../tests/contract/read_model_samples.ts";
import { appendNext, placeOf, sampleEvents, streamOf } from "../../tests/contract/samples.ts";
import { LEASE_TIMES } from "./lease.ts";
import { LAYOUT } from "./partitions.ts";
import type { CqlSession, Statement } from "./session.ts";
import { type CopyOptions, type TestCluster, testCluster, type TestCopy } from "./test_feed.ts";
import { until } from "../../tests/contract/surroundings.ts";

const SLICES = LAYOUT.slices;
const HALF = SLICES / 2;
/** And yet long enough for a machine under load to renew them in time. */
const SHORT_LEASES = { renewEveryMs: 300, validForMs: 3_000, takeAfterMs: 3_600 };
/** Nobody who was not stopped is stood in for within a test. */
const PATIENT = { validForMs: 25_000, takeAfterMs: 30_000 };
const AT_ONCE_MS = 10_000;
const IDS = Array.from({ length: 24 }, (_, at) => `stream-${at}`);

describe("copies of storage_scylla that share their work", () => {
  const clusters = testCluster();
  afterAll(() => clusters.close());

  async function alone(cluster: TestCluster, options?: CopyOptions): Promise<TestCopy> {
    const copy = await cluster.copy(options);
    await copy.owns(SLICES);
    return copy;
  }

  it("go on for one that was killed within 10 seconds", async () => {
    await using cluster = await clusters.open();
    const first = await alone(cluster, { leaseTimes: LEASE_TIMES });
    const second = await cluster.copy({ leaseTimes: LEASE_TIMES });
    await second.owns(HALF);
    await using after = await openReader(second);
    await first.kill();
    const killed = performance.now();
    await Promise.all(IDS.map((id) => appendNext(second.store, streamOf(id), sampleEvents(1))));
    await after.until(IDS.length);
    assertLess(performance.now() - killed, 10_000);
    assertEquals(new Set(after.told.map(placeOf)), new Set(IDS.map((id) => `${id}/1`)));
  });

  it("go on at once for one that stops", async () => {
    await using cluster = await clusters.open();
    const first = await alone(cluster, { leaseTimes: PATIENT });
    const second = await cluster.copy({ leaseTimes: PATIENT });
    await second.owns(HALF);
    await using reader = await openReader(second);
    await first[Symbol.asyncDispose]();
    const stopped = performance.now();
    await Promise.all(IDS.map((id) => appendNext(second.store, streamOf(id), sampleEvents(1))));
    await reader.until(IDS.length);
    assertLess(performance.now() - stopped, AT_ONCE_MS);
  });

  it("refuse the effects of one that was paused beyond its lease, and go on behind what is durable", async () => {
    await using cluster = await clusters.open();
    const stall = stalling(cluster.session);
    const first = await alone(cluster, { session: stall.session, leaseTimes: SHORT_LEASES });
    await using before = await openReader(first);
    await appendNext(first.store, streamOf("a"), sampleEvents(1));
    await before.until(1);
    await appendNext(first.store, streamOf("a"), sampleEvents(1));
    const [page] = await before.until(2, { commits: false });
    stall.begin();
    const second = await alone(cluster, { leaseTimes: SHORT_LEASES });
    await using after = await openReader(second);
    await appendNext(second.store, streamOf("a"), sampleEvents(1));
    await after.until(2);
    stall.end();
    await assertRejects(() => before.commit(page), Unavailable);
    assertEquals(after.told.map(placeOf), ["a/2", "a/3"]);
  });

  it("move no watermark back, however late the one that was paused writes it", async () => {
    await using cluster = await clusters.open();
    const stall = stalling(cluster.session);
    const first = await alone(cluster, { session: stall.session, leaseTimes: SHORT_LEASES });
    await using before = await openReader(first);
    await appendNext(first.store, streamOf("a"), sampleEvents(1));
    const [page] = await before.until(1, { commits: false });
    stall.begin(({ cql }) => cql.includes("projection_offsets"));
    const late = before.commit(page);
    await stall.reached;
    stall.begin();
    const second = await alone(cluster, { leaseTimes: SHORT_LEASES });
    await using after = await openReader(second);
    await appendNext(second.store, streamOf("a"), sampleEvents(1));
    await after.until(2);
    stall.end();
    await late;
    const write = { ...streamOf("a"), version: 2 };
    assertEquals(await second.progress.port.standing("sample_v1", write), { is: "passed" });
    assertEquals(after.told.map(placeOf), ["a/1", "a/2"]);
  });

  it("do not pass by what one parks whose lease is over by then", async () => {
    await using cluster = await clusters.open();
    const stall = stalling(cluster.session);
    const first = await alone(cluster, { session: stall.session, leaseTimes: SHORT_LEASES });
    await using before = await openReader(first);
    await appendNext(first.store, streamOf("a"), sampleEvents(2));
    const [page] = await before.until(2, { commits: false });
    stall.begin(({ cql }) => cql.startsWith("INSERT INTO dead_letter_queue"));
    const late = before.commit(page, { park: [parkedOf("a", { from: 1, through: 2 })] });
    late.catch(() => {});
    await stall.reached;
    stall.begin();
    const second = await alone(cluster, { leaseTimes: SHORT_LEASES });
    assertEquals((await second.progress.port.load("sample_v1")).parked, []);
    stall.end();
    await assertRejects(() => late, Unavailable);
    await using after = await openReader(second);
    await after.until(2);
    assertEquals(after.told.map(placeOf), ["a/1", "a/2"]);
  });

  it("retry what another one has parked", async () => {
    await using cluster = await clusters.open();
    const first = await alone(cluster);
    await using before = await openReader(first);
    for (const id of ["a", "b"]) await appendNext(first.store, streamOf(id), sampleEvents(2));
    const parked = parkedOf("a", { from: 2, through: 2 });
    const pages = await before.until(4, { commits: false });
    await before.commit(pages.at(-1), { park: [parked] });
    await before[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    const second = await alone(cluster);
    assertEquals((await second.progress.port.load("sample_v1")).parked, [parked]);
    await using after = await openReader(second);
    await appendNext(second.store, streamOf("a"), sampleEvents(1));
    await after.until(1);
    assertEquals(after.told.map(placeOf), ["a/3"]);
    const standing = () => second.progress.port.standing("sample_v1", { ...streamOf("a"), version: 2 });
    assertEquals(await standing(), { is: "parked", parked });
    await second.progress.move("sample_v1", { ...NO_PROGRESS, unpark: [streamOf("a")] });
    assertEquals(await standing(), { is: "passed" });
  });

  it("keep what one has done about a parked aggregate from another that was paused before", async () => {
    await using cluster = await clusters.open();
    const stall = stalling(cluster.session);
    const first = await alone(cluster, { session: stall.session, leaseTimes: SHORT_LEASES });
    await using before = await openReader(first);
    await appendNext(first.store, streamOf("a"), sampleEvents(3));
    const park = (parked: ReturnType<typeof parkedOf>): ProgressUpdate => ({ ...NO_PROGRESS, park: [parked] });
    await before.until(3);
    await first.progress.move("sample_v1", park(parkedOf("a", { from: 1, through: 3, attempts: 1 })));
    stall.begin(({ cql }) => cql.includes("dead_letter_queue"));
    const late = first.progress.move("sample_v1", park(parkedOf("a", { from: 1, through: 3, attempts: 2 })));
    late.catch(() => {});
    await stall.reached;
    stall.begin();
    const second = await alone(cluster, { leaseTimes: SHORT_LEASES });
    await second.progress.port.load("sample_v1");
    const mended = parkedOf("a", { from: 3, through: 3, attempts: 0 });
    await second.progress.move("sample_v1", park(mended));
    stall.end();
    await assertRejects(() => late, Unavailable);
    assertEquals((await second.progress.port.load("sample_v1")).parked, [mended]);
  });

  it("tell every event, those of an aggregate in order, while copies come and go", async () => {
    await using cluster = await clusters.open();
    const leaseTimes = SHORT_LEASES;
    const told: string[] = [];
    const runs: { readonly stop: () => Promise<void> }[] = [];
    const join = async () => {
      const copy = await cluster.copy({ leaseTimes, rings: false });
      runs.push(await follow(copy, told));
      return copy;
    };
    const first = await join();
    const writing: Promise<void>[] = [];
    const write = () => {
      const before = Promise.all(writing);
      writing.push(...IDS.map(async (id) => {
        await before;
        for (let count = 0; count < 4; count += 1) await appendNext(first.store, streamOf(id), sampleEvents(1));
      }));
    };
    write();
    const second = await join();
    write();
    await second.owns(HALF);
    const third = await join();
    write();
    await until(() => third.leases.owned().length > 1);
    write();
    await runs[1]?.stop();
    await second.kill();
    write();
    await Promise.all(writing);
    await until(() => new Set(told).size === IDS.length * 4 * 5);
    await Promise.all(runs.map(({ stop }) => stop()));
    const last = new Map<string, number>();
    for (const place of new Set(told)) {
      const [id = "", number] = place.split("/");
      assertEquals(Number(number), (last.get(id) ?? 0) + 1);
      last.set(id, Number(number));
    }
    assertGreater(told.length, 0);
  });
});

/** Runs a subscription as the engine does, until it is stopped. */
async function follow(copy: TestCopy, told: string[]): Promise<{ readonly stop: () => Promise<void> }> {
  const reader = await openReader(copy);
  let isStopped = false;
  const run = async () => {
    while (!isStopped) {
      try {
        for (const page of await reader.until(reader.told.length + 1, { commits: false })) {
          copy.progress.check({ ...NO_PROGRESS, checkpoint: page.checkpoint });
          told.push(...page.events.map(placeOf));
          await reader.commit(page);
        }
      } catch (error) {
        if (isStopped) return;
        if (!(error instanceof Unavailable)) throw error;
        await nextLook();
      }
    }
  };
  const running = run();
  return {
    async stop() {
      isStopped = true;
      await reader[Symbol.asyncDispose]();
      await running;
    },
  };
}

/** A process that is paused: what it sends goes out when it wakes up. */
function stalling(session: CqlSession) {
  let isStalled = (_statement: Statement) => false;
  let awake = Promise.withResolvers<void>();
  let reached = Promise.withResolvers<void>();
  const pass = async (statement: Statement) => {
    if (!isStalled(statement)) return;
    reached.resolve();
    await awake.promise;
  };
  return {
    get reached() {
      return reached.promise;
    },
    begin(only: (statement: Statement) => boolean = () => true) {
      reached = Promise.withResolvers<void>();
      isStalled = only;
    },
    end() {
      isStalled = () => false;
      awake.resolve();
      awake = Promise.withResolvers<void>();
    },
    session: {
      ...session,
      async execute(statement, options) {
        await pass(statement);
        return await session.execute(statement, options);
      },
      async batch(statements) {
        for (const each of statements.slice(0, 1)) await pass(each);
        return await session.batch(statements);
      },
      async *pages(statement, options) {
        await pass(statement);
        yield* session.pages(statement, options);
      },
    } satisfies CqlSession,
  };
}

function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
