import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { parkedOf } from "../../tests/contract/read_model_samples.ts";
import { Unavailable } from "../ports/event_store.ts";
import { Parking } from "./parking.ts";
import { RETRY_POLICIES } from "./retry.ts";
import type { Orders } from "./subscription_orders.ts";

const NOTHING: Orders = { number: 0, pause: undefined, redrive: null, skips: new Map() };

/** Given up, all of them, and then taken up again after an outage. */
function resumeParking(...ids: readonly string[]) {
  const opened = openParking(...ids);
  opened.parking.begin(opened.stored);
  return opened;
}

/** As at a start. */
function openParking(...ids: readonly string[]) {
  const runtime = virtualRuntime({ seed: 1 });
  const parking = new Parking(runtime, RETRY_POLICIES.default);
  const parked = ids.map((id, at) => parkedOf(id, { request: 0, firstFailedAt: `2026-11-21T10:00:0${at}.000Z` }));
  parking.begin(parked);
  return { runtime, parking, stored: parked };
}

function redrive(number: number, perSecond: number): Orders {
  const request = { requestedAt: "2026-11-21T11:00:00.000Z", requestedBy: "ada" };
  return { ...NOTHING, number, redrive: { number, filter: {}, perSecond, total: 3, ...request } };
}

describe("what operators ask of parked aggregates", () => {
  it("is due one after the other at the rate of the redrive, the longest waiting first", async () => {
    const { runtime, parking } = resumeParking("a", "b", "c");
    assertEquals(parking.waitMs(), Infinity);
    parking.obey(redrive(4, 2));
    const tried: unknown[] = [];
    for (let at = 0; at < 3; at += 1) {
      const due = parking.due();
      tried.push([due?.aggregateId, due?.attempts, due?.request]);
      if (due !== undefined) parking.free(due);
      assertEquals(parking.due(), undefined);
      if (at < 2) await runtime.advance(parking.waitMs());
      assertEquals(runtime.monotonicMs(), Math.min(at + 1, 2) * 500);
    }
    assertEquals(tried, [["a", 0, 4], ["b", 0, 4], ["c", 0, 4]]);
  });

  it("is not taken for asked before it was tried", () => {
    const { parking } = resumeParking("a", "b");
    parking.obey(redrive(4, 2));
    assertEquals(parking.parked().map(({ request }) => request), [0, 0]);
  });

  it("waits for its turn after a restart, and is tried at once when the redrive is cancelled", async () => {
    const { runtime, parking } = openParking("a", "b", "c");
    parking.obey(redrive(4, 2));
    assertEquals(parking.due()?.aggregateId, "a");
    parking.free(parkedOf("a"));
    assertEquals([parking.due(), parking.waitMs()], [undefined, 500]);
    await runtime.advance(500);
    assertEquals(parking.due()?.aggregateId, "b");
    parking.free(parkedOf("b"));
    assertEquals([parking.due(), parking.waitMs()], [undefined, 500]);
    parking.obey({ ...NOTHING, number: 5 });
    assertEquals([parking.due()?.aggregateId, parking.due()?.attempts], ["c", 0]);
  });

  it("is not done any more once it is cancelled, nor twice as often for being asked twice", async () => {
    const { runtime, parking } = resumeParking("a", "b");
    parking.obey(redrive(4, 0.1));
    parking.obey(redrive(4, 0.1));
    const first = parking.due();
    assertEquals([first?.aggregateId, parking.waitMs()], ["a", 0]);
    if (first !== undefined) parking.hold({ ...first, attempts: 3, givenUp: true });
    assertEquals(parking.waitMs(), 10_000);
    parking.obey({ ...NOTHING, number: 5 });
    assertEquals(parking.waitMs(), Infinity);
    await runtime.advance(60_000);
    assertEquals(parking.due(), undefined);
  });

  it("is not asked again of what was tried for that request", () => {
    const { parking } = resumeParking("a");
    parking.obey(redrive(4, 2));
    const due = parking.due();
    parking.hold({ ...parkedOf("a"), ...due, attempts: 3, givenUp: true });
    parking.obey(redrive(4, 2));
    assertEquals(parking.due(), undefined);
    parking.obey(redrive(5, 2));
    assertEquals(parking.due()?.request, 5);
  });

  it("passes by the event that was looked at, and none that it stands at since", () => {
    const { parking } = resumeParking("a", "b");
    const skip = (from: number) => ({ number: 3, from });
    parking.obey({ ...NOTHING, number: 3, skips: new Map([["counter/a", skip(2)], ["counter/b", skip(1)]]) });
    assertEquals([parking.due()?.aggregateId, parking.due()?.from], ["a", 3]);
    parking.free(parkedOf("a"));
    assertEquals(parking.due(), undefined);
  });
});

describe("parking that is full", () => {
  it("takes no other aggregate, but all that is stored, and another one once one is freed", () => {
    const parking = new Parking(virtualRuntime({ seed: 1 }), RETRY_POLICIES.default, 2);
    parking.begin(["a", "b", "c"].map((id) => parkedOf(id)));
    assertEquals(parking.size, 3);
    parking.hold(parkedOf("a"));
    const refused = "3 aggregates are parked, and at most 2 may be: mend the subscriber and restart, or";
    assertThrows(() => parking.hold(parkedOf("d")), Unavailable, refused);
    parking.free(parkedOf("a"));
    assertThrows(() => parking.hold(parkedOf("d")), Unavailable);
    parking.free(parkedOf("b"));
    parking.hold(parkedOf("d"));
    assertEquals(parking.parked().map(({ aggregateId }) => aggregateId), ["c", "d"]);
  });
});
