import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { InvalidPlace } from "../../core/ports/broker.ts";
import { placeId, readPlace } from "./place_ids.ts";

const EVENT_ID = "01a1ff1a-95f7-7f33-982a-abd9a1edd2e4";

describe("the id of a place", () => {
  it("comes back as it went, with any number of partitions", () => {
    for (const next of [[0], [1, 0, 2 ** 53 - 1], Array.from({ length: 1_000 }, (_, at) => at * 1e9)]) {
      const place = { next, partition: next.length - 1, eventId: EVENT_ID };
      assertEquals(readPlace(placeId(place)), place);
    }
  });

  it("is no other text", () => {
    const sound = placeId({ next: [1, 2], partition: 1, eventId: EVENT_ID });
    const made = (text: string) =>
      new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
    const wrong = [
      ...["", "x", `${sound}=`, sound.slice(1), sound.slice(0, -2), "\u{1F600}", "x".repeat(30_000)],
      ...[`2.${EVENT_ID}.1.2`, `0.${EVENT_ID}`, `0.${EVENT_ID}.`, `0.${EVENT_ID}.-1`, `0.${EVENT_ID}.01`, "0.no.1"]
        .map(made),
    ];
    for (const id of wrong) assertThrows(() => readPlace(id), InvalidPlace);
  });
});
