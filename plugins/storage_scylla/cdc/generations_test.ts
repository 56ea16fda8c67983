import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "../../../core/testing.ts";
import { CqlError, type CqlRow, type CqlSession, type ReadOptions } from "../session.ts";
import { Generations } from "./generations.ts";
import type { LogLayout } from "./log_layout.ts";
import { hexOf } from "./log_row.ts";

const START_MS = Date.UTC(2026, 10, 21);
const MINUTE_MS = 60_000;
const KEEP_MS = 15 * MINUTE_MS;

describe("generations of streams", () => {
  for (const sets of ["tablets", "vnodes"] as const) {
    it(`begin with those of ${sets} that may hold anything new`, async () => {
      const rig = openRig(sets);
      rig.tell(START_MS - 60 * MINUTE_MS, [[1]]);
      rig.tell(START_MS - 30 * MINUTE_MS, [[2], [3]]);
      rig.tell(START_MS - 10 * MINUTE_MS, [[4, 5], [6]]);
      await rig.generations.look();
      assertEquals(rig.live(), [["02", "03"], ["04", "05", "06"]]);
      await rig.runtime.advance(6 * MINUTE_MS);
      await rig.generations.look();
      assertEquals(rig.live(), [["04", "05", "06"]]);
    });
  }

  it("take on a new set before it begins, and keep the one before for 15 minutes after", async () => {
    const rig = openRig("tablets");
    rig.tell(START_MS - 60 * MINUTE_MS, [[1]]);
    await rig.generations.look();
    rig.tell(START_MS + MINUTE_MS, [[2]]);
    await rig.generations.look();
    assertEquals(rig.live(), [["01"], ["02"]]);
    await rig.runtime.advance(16 * MINUTE_MS - 1);
    await rig.generations.look();
    assertEquals(rig.live(), [["01"], ["02"]]);
    await rig.runtime.advance(2 * MINUTE_MS);
    await rig.generations.look();
    assertEquals(rig.live(), [["02"]]);
  });

  it("keep a set that was in use, even where the clock says that it ended long ago", async () => {
    const rig = openRig("tablets");
    rig.tell(START_MS - 60 * MINUTE_MS, [[1]]);
    await rig.generations.look();
    rig.aheadMs = 60 * MINUTE_MS;
    rig.tell(START_MS + MINUTE_MS, [[2]]);
    await rig.generations.look();
    await rig.runtime.advance(10 * MINUTE_MS);
    await rig.generations.look();
    assertEquals(rig.live(), [["01"], ["02"]]);
  });

  it("ask again for a set whose streams are not told of yet", async () => {
    const rig = openRig("vnodes");
    rig.tell(START_MS - MINUTE_MS, [[1]]);
    rig.tell(START_MS + MINUTE_MS, []);
    await rig.generations.look();
    assertEquals(rig.live(), [["01"]]);
    rig.tell(START_MS + MINUTE_MS, [[2]]);
    await rig.generations.look();
    assertEquals(rig.live(), [["01"], ["02"]]);
  });

  it("keep what they know when nobody answers", async () => {
    const rig = openRig("tablets");
    rig.tell(START_MS - MINUTE_MS, [[1]]);
    await rig.generations.look();
    rig.isAway = true;
    await assertRejects(() => rig.generations.look(), CqlError);
    assertEquals(rig.live(), [["01"]]);
  });

  it("are asked of a quorum of the cluster with vnodes, and of one where there is only one node", async () => {
    for (
      const [sets, peers, expected] of [
        ["tablets", 2, undefined],
        ["vnodes", 2, "cluster"],
        ["vnodes", 0, "one"],
      ] as const
    ) {
      const rig = openRig(sets);
      rig.peers = peers;
      rig.tell(START_MS - MINUTE_MS, [[1]]);
      await rig.generations.look();
      assertEquals(rig.consistencies, new Set([expected]));
    }
  });
});

function openRig(sets: LogLayout["sets"]) {
  const runtime = virtualRuntime({ seed: 1, startAt: START_MS });
  const told = new Map<number, readonly (readonly number[])[]>();
  const consistencies = new Set<ReadOptions["consistency"] | ReadOptions["scope"]>();
  const layout: LogLayout = {
    ...{ keyspace: "k", table: "t", log: "l", sets, timestamps: "times", streams: "streams" },
    bypassesCache: false,
  };
  const answer = (cql: string, last: unknown): readonly CqlRow[] => {
    if (rig.isAway) throw new CqlError("unknown", "nobody answers");
    if (!cql.includes("FROM streams")) {
      const after = last instanceof Date ? last.getTime() : 0;
      return [...told.keys()].filter((at) => at > after).toSorted((a, b) => a - b).map((at) => ({ at: new Date(at) }));
    }
    const rows = told.get(last instanceof Date ? last.getTime() : 0) ?? [];
    const blobs = rows.map((streams) => streams.map((stream) => Uint8Array.of(stream)));
    if (sets === "vnodes") return blobs.map((streams) => ({ streams }));
    return blobs.flat().map((stream) => ({ stream_id: stream }));
  };
  const session: CqlSession = {
    execute: () => Promise.resolve(Array.from({ length: rig.peers }, () => ({ peer: "x" }))),
    batch: () => Promise.resolve([]),
    async *pages({ cql, values }, { consistency, scope } = {}) {
      consistencies.add(scope ?? consistency);
      yield answer(cql, values.findLast((value) => value instanceof Date));
    },
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const clock = { nowMs: () => runtime.now() + rig.aheadMs };
  const generations = new Generations({ session, runtime, clock, layout, times: { keepSetMs: KEEP_MS } });
  const rig = {
    ...{ runtime, generations, consistencies, aheadMs: 0, peers: 2, isAway: false },
    tell: (atMs: number, streams: readonly (readonly number[])[]) => void told.set(atMs, streams),
    live: () => generations.live.map(({ streams }) => streams.map(hexOf)),
  };
  return rig;
}
