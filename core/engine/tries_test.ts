import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import { keptLog } from "../../tests/contract/surroundings.ts";
import { parkedOf } from "../../tests/contract/read_model_samples.ts";
import { sampleEvent, streamOf } from "../../tests/contract/samples.ts";
import { Parking } from "./parking.ts";
import { RETRY_POLICIES } from "./retry.ts";
import { Tries } from "./tries.ts";

const ignore = () => {};
const NO_METRICS = { handled: ignore, failed: ignore, retried: ignore, recovered: ignore, gaveUp: ignore };

describe("what an event failed with", () => {
  it("counts as tried for every request made until then, whichever was meant for it", () => {
    const runtime = virtualRuntime({ seed: 1 });
    const policy = RETRY_POLICIES.default;
    const tries = new Tries({
      subscription: "sample_v1",
      parking: new Parking(runtime, policy),
      policy,
      runtime,
      log: keptLog(),
      metrics: { ...NO_METRICS, breakerBecame: ignore },
      request: () => 5,
    });
    const event = { ...streamOf("a"), ...sampleEvent({ eventType: "Renamed" }), sequenceNumber: 4 };
    const before = parkedOf("a", { from: 3, request: 0 });
    const { request, from, attempts, eventType } = tries.fail(event, new Error("no"), before);
    assertEquals([request, from, attempts, eventType], [5, 4, 1, "Renamed"]);
  });

  it("is told with what caused it", () => {
    const runtime = virtualRuntime({ seed: 1 });
    const policy = RETRY_POLICIES.default;
    const log = keptLog();
    const parts = { policy, runtime, log, metrics: { ...NO_METRICS, breakerBecame: ignore }, request: () => 0 };
    const tries = new Tries({ ...parts, subscription: "sample_v1", parking: new Parking(runtime, policy) });
    const event = { ...streamOf("a"), ...sampleEvent(), sequenceNumber: 1 };
    const error = new TypeError("outer", { cause: new RangeError("inner", { cause: "nothing" }) });
    assertEquals(tries.fail(event, error).error, "TypeError: outer; caused by RangeError: inner; caused by nothing");
    assertEquals(log.lines.map(({ level }) => level), ["warn"]);
  });
});
