import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readQuery } from "./query.ts";
import { acceptsEventStream, frame, readStart, START_NAMES } from "./sse.ts";

describe("frame", () => {
  it("is one event whose data is one line, whatever the text in it", () => {
    const data = { text: "a\nb\r\n\u2028data: c\n\n", n: 1 };
    const text = frame({ id: 3, type: "Noted", data });
    const [id, type, line, ...rest] = text.split(/\r\n|\r|\n/);
    assertEquals([id, type, rest], ["id: 3", "event: Noted", ["", ""]]);
    assertEquals(JSON.parse(line?.replace("data: ", "") ?? ""), data);
  });
});

describe("acceptsEventStream", () => {
  const accepts = (accept: string) => acceptsEventStream(new Headers({ accept }));

  it("takes whoever names event streams, and nobody else", () => {
    for (const accept of ["text/event-stream", "application/json, Text/Event-Stream;q=0.5", "text/event-stream; a=b"]) {
      assertEquals(accepts(accept), true, accept);
    }
    const others = ["*/*", "text/*", "application/json", "text/event-stream;q=0", "text/event-stream; q=0.00"];
    for (const accept of [...others, "text/event-streams", "x/y;text/event-stream"]) {
      assertEquals(accepts(accept), false, accept);
    }
    assertEquals(acceptsEventStream(new Headers()), false);
  });
});

describe("readStart", () => {
  const start = (search: string, lastEventId?: string) => {
    const query = readQuery(`http://x/y${search}`, START_NAMES);
    if (query.is === "problem") return query.detail;
    const headers = new Headers(lastEventId === undefined ? {} : { "last-event-id": lastEventId });
    const found = readStart(headers, query);
    return found.is === "problem" ? found.detail : found;
  };

  it("goes by Last-Event-ID, else after, else from, else now", () => {
    assertEquals(start("?after=1&from=beginning", "2"), { is: "after", id: "2", by: "Last-Event-ID" });
    assertEquals(start("?after=1&from=beginning"), { is: "after", id: "1", by: "after" });
    assertEquals(start("?from=beginning"), { is: "beginning" });
    assertEquals(start(""), { is: "now" });
    assertEquals(start("", ""), { is: "after", id: "", by: "Last-Event-ID" });
  });

  it("knows no other from and no other name", () => {
    assertEquals(start("?from=end", "2"), "from must be beginning, or be left out");
    assertEquals(typeof start("?limit=2"), "string");
    assertEquals(typeof start("?after=2&after=2"), "string");
  });
});
