import { assert, assertEquals, assertLess } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { LEASE_TIMES, type LeaseTimes } from "./lease.ts";
import { type Leases, startLeases } from "./leases.ts";
import { CqlError, type CqlSession } from "./session.ts";
import { keptLog, openTestSession, type TestSession, uniqueName } from "./test_storage.ts";

const SLICES = 4;
/** A third of the real times: a machine under load still renews in time. */
const TIMES: LeaseTimes = { renewEveryMs: 300, validForMs: 2_000, takeAfterMs: 2_400, lookEveryMs: 50 };

describe("the leases of slices", () => {
  let opened: Promise<TestSession> | undefined;
  const server = () => opened ??= openTestSession();
  afterAll(async () => await (await opened)?.[Symbol.asyncDispose]());

  async function rig() {
    const { session, runtime } = await server();
    const scope = uniqueName("leases");
    const started: Leases[] = [];
    const start = (options: { claim?: boolean; over?: CqlSession } = {}) => {
      const { claim = true, over = session } = options;
      const copyId = crypto.randomUUID();
      const leases = startLeases({
        ...{ session: over, runtime, log: keptLog(), slices: SLICES, copyId, claim, scope, times: TIMES },
      });
      started.push(leases);
      return leases;
    };
    return {
      session,
      scope,
      start,
      async [Symbol.asyncDispose]() {
        await Promise.all(started.map((leases) => leases.stop()));
      },
    };
  }

  it("all belong to the only copy, and to none that only serves", async () => {
    await using the = await rig();
    const serving = the.start({ claim: false });
    const leases = the.start();
    await owns(leases, SLICES);
    assertEquals(slicesOf(leases), [0, 1, 2, 3]);
    assert(leases.owned().every((tenure) => leases.isValid(tenure)));
    assertEquals(serving.owned(), []);
  });

  it("are shared evenly with a copy that joins, without two ever having the same", async () => {
    await using the = await rig();
    const first = the.start();
    await owns(first, SLICES);
    const second = the.start();
    await until(first, () => {
      const both = [first, second].flatMap((each) => each.owned().filter((tenure) => each.isValid(tenure)));
      assertEquals(new Set(both.map(({ slice }) => slice)).size, both.length);
      return first.owned().length === 2 && second.owned().length === 2;
    });
    assertEquals([...slicesOf(first), ...slicesOf(second)].toSorted(), [0, 1, 2, 3]);
  });

  it("go to another copy at once when one stops", async () => {
    await using the = await rig();
    const first = the.start();
    await owns(first, SLICES);
    const second = the.start();
    await owns(second, 2);
    const began = performance.now();
    await first.stop();
    await owns(second, SLICES);
    assertLess(performance.now() - began, TIMES.takeAfterMs / 2);
    assertEquals(first.owned(), []);
  });

  it("go to another copy soon after one was killed, but not while its leases are valid", async () => {
    await using the = await rig();
    const first = the.start();
    await owns(first, SLICES);
    const second = the.start();
    await owns(second, 2);
    const held = first.owned();
    const killed = performance.now();
    await first.abandon();
    await until(second, () => {
      for (const { slice } of second.owned()) {
        const stillValid = held.some((each) => each.slice === slice && first.isValid(each));
        assert(!stillValid, `slice ${slice} has two valid owners`);
      }
      return second.owned().length === SLICES;
    });
    assertLess(performance.now() - killed, TIMES.takeAfterMs + 2_000);
  });

  it("keep the low water, of subscriptions that nobody knows too, and let it not go back", async () => {
    await using the = await rig();
    const first = the.start();
    await owns(first, SLICES);
    first.setLowWater(1, { subscription: "of_an_old_release", minute: 7 });
    first.setLowWater(1, { subscription: "sample", minute: 9 });
    first.setLowWater(1, { subscription: "sample", minute: 8 });
    await first.stop();
    const second = the.start();
    await owns(second, SLICES);
    second.setLowWater(1, { subscription: "sample", minute: 10 });
    await second.stop();
    const third = the.start();
    await owns(third, SLICES);
    assertEquals(third.lowWater(1, "of_an_old_release"), 7);
    assertEquals(third.lowWater(1, "sample"), 10);
    assertEquals(third.lowWater(2, "sample"), undefined);
  });

  it("stay valid when renewals are done but their answers are lost", async () => {
    await using the = await rig();
    let losing = false;
    const over = losingAnswers(the.session, () => losing);
    const leases = the.start({ over });
    await owns(leases, SLICES);
    losing = true;
    const began = performance.now();
    const tenures = leases.owned();
    while (performance.now() - began < TIMES.validForMs * 2) {
      assert(tenures.every((tenure) => leases.isValid(tenure)));
      await nextLook();
    }
    assertEquals(leases.owned(), tenures);
  });

  it("run out for a copy that cannot renew, and are its no more when it comes back", async () => {
    await using the = await rig();
    let isCut = false;
    const first = the.start({ over: cutOff(the.session, () => isCut) });
    await owns(first, SLICES);
    const held = first.owned();
    const second = the.start();
    await until(second, () => first.owned().length === 2);
    const kept = first.owned();
    isCut = true;
    await until(second, () => second.owned().length === SLICES);
    assert(held.every((tenure) => !first.isValid(tenure)));
    isCut = false;
    await until(first, () => first.owned().every(({ epoch }) => !kept.some((each) => each.epoch === epoch)));
    assert(kept.every((tenure) => !first.isValid(tenure)));
    await until(first, () => first.owned().length === 2 && second.owned().length === 2);
  });
});

function slicesOf(leases: Leases): readonly number[] {
  return leases.owned().map(({ slice }) => slice);
}

function owns(leases: Leases, count: number): Promise<void> {
  return until(leases, () => leases.owned().length === count);
}

async function until(_leases: Leases, holds: () => boolean): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > 20_000) throw new Error("expected it within 20 s");
    await nextLook();
  }
}

function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

/** What is sent is done, and nobody hears of it; reads are answered. */
function losingAnswers(session: CqlSession, isLosing: () => boolean): CqlSession {
  return {
    ...session,
    async execute(statement, options) {
      const rows = await session.execute(statement, options);
      if (isLosing() && !statement.cql.startsWith("SELECT")) throw new CqlError("unknown", "the answer was lost");
      return rows;
    },
  };
}

function cutOff(session: CqlSession, isCut: () => boolean): CqlSession {
  const check = () => {
    if (isCut()) throw new CqlError("unsent", "cut off");
  };
  return {
    ...session,
    async execute(statement, options) {
      check();
      return await session.execute(statement, options);
    },
    async *pages(statement, options) {
      check();
      yield* session.pages(statement, options);
    },
  };
}

assertLess(LEASE_TIMES.validForMs, LEASE_TIMES.takeAfterMs);
