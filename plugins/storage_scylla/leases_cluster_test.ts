import { assert, assertEquals, assertLess } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { keptLog, openBranch, until } from "../../tests/contract/surroundings.ts";
import { LEASE_TIMES, type LeaseTimes } from "./lease.ts";
import { type Leases, startLeases } from "./leases.ts";
import { CqlError, type CqlRow, type CqlSession, type Statement } from "./session.ts";
import { openTestSession, type TestSession, uniqueName } from "./test_storage.ts";

const SLICES = 4;
/** A third of the real times: a machine under load still renews in time. */
const TIMES: LeaseTimes = { renewEveryMs: 300, validForMs: 2_000, takeAfterMs: 2_400, lookEveryMs: 50 };
const RENEWS = /^UPDATE leases SET owner = \?, beat/;
const TAKES = /^UPDATE leases SET owner = \?, epoch/;

type StartOptions = {
  readonly claim?: boolean;
  readonly over?: CqlSession;
  readonly times?: Partial<LeaseTimes>;
  readonly now?: () => number;
};

describe("the leases of slices", () => {
  let opened: Promise<TestSession> | undefined;
  const server = () => opened ??= openTestSession();
  afterAll(async () => await (await opened)?.[Symbol.asyncDispose]());

  async function rig() {
    const { session, runtime } = await server();
    const scope = uniqueName("leases");
    const started: Leases[] = [];
    const start = ({ claim = true, over = session, times = {}, now = runtime.now }: StartOptions = {}) => {
      const parts = { runtime: { ...runtime, now }, log: keptLog() };
      const leases = startLeases({
        ...{ ...parts, branch: openBranch(parts), session: over, slices: SLICES, claim, scope },
        ...{ copyId: crypto.randomUUID(), times: { ...TIMES, ...times } },
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
    await until(() => {
      const both = [first, second].flatMap((each) => each.owned().filter((tenure) => each.isValid(tenure)));
      assertEquals(new Set(both.map(({ slice }) => slice)).size, both.length);
      return first.owned().length === 2 && second.owned().length === 2;
    });
    assertEquals([...slicesOf(first), ...slicesOf(second)].toSorted(), [0, 1, 2, 3]);
  });

  it("go to another copy at once when one stops", async () => {
    await using the = await rig();
    // Nothing is taken over within the test from who was not stopped.
    const times = { validForMs: 25_000, takeAfterMs: 30_000 };
    const first = the.start({ times });
    await owns(first, SLICES);
    const second = the.start({ times });
    await owns(second, 2);
    const began = performance.now();
    await first.stop();
    await owns(second, SLICES);
    assertLess(performance.now() - began, times.takeAfterMs / 3);
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
    await until(() => {
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
    const times = { validForMs: 5_000, takeAfterMs: 6_000 };
    const leases = the.start({ over, times });
    await owns(leases, SLICES);
    losing = true;
    const began = performance.now();
    const tenures = leases.owned();
    await until(() => {
      assert(tenures.every((tenure) => leases.isValid(tenure)));
      return performance.now() - began >= times.validForMs * 2;
    });
    assertEquals(leases.owned(), tenures);
  });

  it("run out for a copy that cannot renew, and are its no more when it comes back", async () => {
    await using the = await rig();
    let isCut = false;
    const first = the.start({ over: cutOff(the.session, () => isCut) });
    await owns(first, SLICES);
    const held = first.owned();
    const second = the.start();
    await until(() => first.owned().length === 2);
    const kept = first.owned();
    isCut = true;
    await until(() => second.owned().length === SLICES);
    assert(held.every((tenure) => !first.isValid(tenure)));
    isCut = false;
    await until(() => first.owned().every(({ epoch }) => !kept.some((each) => each.epoch === epoch)));
    assert(kept.every((tenure) => !first.isValid(tenure)));
    await until(() => first.owned().length === 2 && second.owned().length === 2);
  });

  it("are others when they come back: what began in an earlier epoch stays invalid", async () => {
    await using the = await rig();
    let isCut = false;
    const first = the.start({ over: cutOff(the.session, () => isCut) });
    await owns(first, SLICES);
    const before = first.owned();
    const second = the.start();
    isCut = true;
    await owns(second, SLICES);
    isCut = false;
    await second.stop();
    await until(() => first.owned().filter((tenure) => first.isValid(tenure)).length === SLICES);
    assert(before.every((tenure) => !first.isValid(tenure)));
  });

  it("are not taken by a request that comes once another epoch has begun", async () => {
    await using the = await rig();
    // Without renewals the beat is the same in both epochs.
    const still = changing(the.session, (send, { cql }) => RENEWS.test(cql) ? away() : send());
    const first = the.start({ over: still });
    await owns(first, SLICES);
    await first.abandon();
    const gate = Promise.withResolvers<void>();
    let late = 0;
    const over = changing(the.session, async (send, { cql, values }) => {
      if (TAKES.test(cql) && values.includes(the.scope)) {
        late += 1;
        await gate.promise;
      }
      return await send();
    });
    const slow = the.start({ over });
    await until(() => late === SLICES);
    const second = the.start({ over: still });
    await until(() => second.owned().length > 0);
    gate.resolve();
    await until(() => {
      assertOneOwner([slow, second]);
      return !second.owned().some((tenure) => second.isValid(tenure));
    });
  });

  it("are not renewed by a request that comes once another epoch has begun", async () => {
    await using the = await rig();
    let isCut = false;
    const tries = new Map<unknown, number>();
    const late = new Map<unknown, () => Promise<unknown>>();
    const over = changing(the.session, async (send, { cql, values }) => {
      if (!isCut || !RENEWS.test(cql)) return await send();
      const slice = values.find((value) => typeof value === "number");
      const isOfSlice = values.includes(the.scope);
      if (isOfSlice) tries.set(slice, (tries.get(slice) ?? 0) + 1);
      if (isOfSlice && tries.get(slice) === 3 && !late.has(slice)) late.set(slice, send);
      return await away();
    });
    const first = the.start({ over, times: { renewEveryMs: 1_000 } });
    await owns(first, SLICES);
    isCut = true;
    await until(() => late.size === SLICES);
    const second = the.start();
    await owns(second, SLICES);
    await until(() => first.owned().length === 0);
    await second.stop();
    tries.clear();
    await owns(first, SLICES);
    // The third renewal of this epoch will be of the same beat as what comes late from the other.
    await until(() => tries.size === SLICES && [...tries.values()].every((count) => count >= 2));
    await Promise.all([...late.values()].map((send) => send()));
    await ownsAlone(the.start(), first);
  });

  it("are over when the machine has slept for so long, and its monotonic clock with it", async () => {
    await using the = await rig();
    let sleptMs = 0;
    const leases = the.start({ now: () => Date.now() + sleptMs });
    await owns(leases, SLICES);
    const held = leases.owned();
    sleptMs = TIMES.validForMs;
    assert(held.every((tenure) => !leases.isValid(tenure)));
    await until(() => leases.owned().every((tenure) => leases.isValid(tenure)));
  });

  for (const [what, begins] of [["taken", /^INSERT/], ["renewed", RENEWS]] as const) {
    it(`are valid from when they were ${what}, however late the answer comes`, async () => {
      await using the = await rig();
      let isSlow = what === "taken";
      const sent = new Set<unknown>();
      const over = changing(the.session, async (send, { cql, values }) => {
        const slice = values.find((value) => typeof value === "number");
        if (!isSlow || !values.includes(the.scope) || cql.startsWith("SELECT")) return await send();
        if (!begins.test(cql) || sent.has(slice)) return away();
        const answer = await send();
        sent.add(slice);
        await new Promise((resolve) => setTimeout(resolve, TIMES.validForMs * 3 / 4));
        return answer;
      });
      const first = the.start({ over });
      if (what === "renewed") await owns(first, SLICES);
      isSlow = true;
      await until(() => sent.size === SLICES);
      const second = the.start();
      await ownsAlone(second, first);
    });
  }

  it("are valid by the renewal that stands there, however many were sent after it", async () => {
    await using the = await rig();
    let phase: "works" | "loses answers" | "is cut" = "works";
    let sent = 0;
    const over: CqlSession = {
      ...changing(the.session, async (send, { cql }) => {
        const isRead = cql.startsWith("SELECT");
        if (phase === "works" || (phase === "is cut" && isRead)) return await send();
        if (phase === "is cut") return away();
        if (!isRead) {
          sent += 1;
          await send();
        }
        throw new CqlError("unknown", "the answer was lost");
      }),
      // It hears of no other copy, so that it shares with none.
      async *pages(statement, options) {
        if (phase !== "works") await away();
        yield* the.session.pages(statement, options);
      },
    };
    const first = the.start({ over });
    await owns(first, SLICES);
    phase = "loses answers";
    const second = the.start();
    // With the row of the copy itself.
    await until(() => sent >= 4 * (SLICES + 1));
    phase = "is cut";
    await ownsAlone(second, first);
  });
});

/** The session, but what is asked without pages goes this way. */
function changing(
  session: CqlSession,
  way: (send: () => Promise<readonly CqlRow[]>, statement: Statement) => Promise<readonly CqlRow[]>,
): CqlSession {
  return {
    ...session,
    execute: (statement, options) => way(() => session.execute(statement, options), statement),
  };
}

function away(): Promise<never> {
  return Promise.reject(new CqlError("unsent", "cut off"));
}

function assertOneOwner(copies: readonly Leases[]): void {
  const valid = copies.flatMap((each) => each.owned().filter((tenure) => each.isValid(tenure)));
  const slices = valid.map(({ slice }) => slice);
  assertEquals(slices.length, new Set(slices).size, `expected one valid owner a slice, found ${slices.toSorted()}`);
}

/** Until the copy has had every slice; what it has beyond its share it does not keep. */
async function ownsAlone(copy: Leases, before: Leases): Promise<void> {
  const had = new Set<number>();
  await until(() => {
    assertOneOwner([copy, before]);
    for (const slice of slicesOf(copy)) had.add(slice);
    return had.size === SLICES;
  });
}

function slicesOf(leases: Leases): readonly number[] {
  return leases.owned().map(({ slice }) => slice);
}

function owns(leases: Leases, count: number): Promise<void> {
  return until(() => leases.owned().length === count);
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
