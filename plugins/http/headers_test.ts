import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { defineModule } from "annals";
import { z } from "zod";
import { createRegistry } from "../../core/engine/registry.ts";
import { compareVersion, consistencyToken, readCommandHeaders, readWait } from "./headers.ts";

const ACCOUNT = defineModule({
  name: "account",
  path: "accounts",
  id: "text",
  commands: {},
  events: {},
  rejections: {},
  state: z.strictObject({}),
  creates: [],
  decider: { initialState: {}, decide: () => [], evolve: (state) => state },
});

type Given = Readonly<Record<string, string>>;

function command(given: Given): unknown {
  const read = readCommandHeaders(new Headers(given));
  if (read.is === "problem") return read.type;
  return { key: read.key, precondition: read.precondition, traceparent: read.traceparent };
}

const NOTHING = { key: undefined, precondition: undefined, traceparent: undefined };
const INVALID = "/problems/invalid_header";
const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("readCommandHeaders", () => {
  it("reads If-Match as one strong version or *", () => {
    assertEquals(command({ "if-match": '"3"' }), { ...NOTHING, precondition: { version: 3 } });
    assertEquals(command({ "if-match": "*" }), { ...NOTHING, precondition: "exists" });
  });
  it("refuses an If-Match that is weak, several or malformed", () => {
    const texts = ['W/"3"', '"3", "4"', '"3","3"', "3", '"0"', '"03"', '"-1"', '"1e3"', '""', "", '*, "3"', '"3"x'];
    assertEquals(texts.map((text) => command({ "if-match": text })), texts.map(() => INVALID));
  });
  it("reads If-None-Match: * and nothing else", () => {
    assertEquals(command({ "if-none-match": "*" }), { ...NOTHING, precondition: "missing" });
    assertEquals(command({ "if-none-match": '"3"' }), INVALID);
  });
  it("refuses If-Match together with If-None-Match", () => {
    assertEquals(command({ "if-match": "*", "if-none-match": "*" }), INVALID);
  });
  it("reads an Idempotency-Key with or without quotes", () => {
    assertEquals(command({ "idempotency-key": "a,b" }), { ...NOTHING, key: "a,b" });
    assertEquals(command({ "idempotency-key": '"a,b"' }), { ...NOTHING, key: "a,b" });
    assertEquals(command({ "idempotency-key": "k".repeat(255) }), { ...NOTHING, key: "k".repeat(255) });
  });
  it("refuses an Idempotency-Key that is empty, too long, unprintable or half quoted", () => {
    const texts = ["", '""', "k".repeat(256), "a b", "\u00e9", '"a', 'a"'];
    assertEquals(texts.map((text) => command({ "idempotency-key": text })), texts.map(() => INVALID));
  });
  it("passes a well-formed traceparent on and ignores any other", () => {
    assertEquals(command({ traceparent: TRACE }), { ...NOTHING, traceparent: TRACE });
    const others = [
      "x",
      TRACE.toUpperCase(),
      TRACE.replace("00-", "ff-"),
      TRACE.replace("b7ad6b7169203331", "0".repeat(16)),
    ];
    assertEquals(others.map((traceparent) => command({ traceparent })), others.map(() => NOTHING));
  });
});

describe("compareVersion", () => {
  const compare = (given: Given): string | number => {
    const compared = compareVersion(new Headers(given), 3);
    return typeof compared === "string" ? compared : compared.status;
  };
  it("compares If-None-Match weakly, in a list too", () => {
    const texts = ['"3"', 'W/"3"', '"1", W/"3"', '"a,b" ,"3"', "*"];
    assertEquals(texts.map((text) => compare({ "if-none-match": text })), texts.map(() => "not_modified"));
  });
  it("sends what no tag names", () => {
    assertEquals(['"4"', '"33", "03"', 'W/"2"'].map((text) => compare({ "if-none-match": text })), [
      "send",
      "send",
      "send",
    ]);
  });
  it("refuses tags that are malformed", () => {
    assertEquals(
      ["3", '"3', 'w/"3"', '"3" "4"', ""].map((text) => compare({ "if-none-match": text })),
      Array(5).fill(400),
    );
  });
  it("holds a read to its If-Match", () => {
    assertEquals([compare({ "if-match": '"3"' }), compare({ "if-match": "*" }), compare({ "if-match": '"2"' })], [
      "send",
      "send",
      412,
    ]);
  });
});

describe("readWait", () => {
  const registry = createRegistry([{ module: ACCOUNT, location: "account/mod.ts", fingerprint: "test" }]);
  const wait = (prefer: string | undefined, token: string) => {
    const read = readWait(new Headers({ "consistency-token": token, ...(prefer && { prefer }) }), registry);
    return read?.is === "wait" ? [read.timeoutMs, read.applied] : read?.status;
  };
  const token = consistencyToken({ aggregateType: "account", aggregateId: "acc-001", version: 3 });

  it("waits two seconds, or as long as asked up to thirty", () => {
    assertEquals(wait(undefined, token), [2000, undefined]);
    assertEquals(wait("wait=5", token), [5000, "wait=5"]);
    assertEquals(wait("respond-async, WAIT = 7; x=1", token), [7000, "wait=7"]);
    assertEquals(wait("wait=0", token), [0, "wait=0"]);
    assertEquals(wait("wait=31", token), [30000, "wait=30"]);
  });
  it("ignores a malformed wait", () => {
    const texts = ["wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "waiting=3"];
    assertEquals(texts.map((text) => wait(text, token)), texts.map(() => [2000, undefined]));
  });
  it("refuses a token that no command gave", () => {
    const contents = [
      "x",
      "[]",
      '["account","acc-001"]',
      '["account","acc-001",0]',
      '["account","acc-001",1.5]',
      '["account","acc-001","1"]',
      '["account","..",1]',
      '["order","acc-001",1]',
      '["account","acc-001",1,1]',
      '["account",["acc-001"],1]',
    ];
    assertEquals(contents.map((content) => wait("wait=1", btoa(content).replaceAll("=", ""))), contents.map(() => 400));
    assertEquals([wait("wait=1", "%%"), wait("wait=1", ""), wait("wait=1", "A".repeat(513))], [400, 400, 400]);
  });
  it("waits for nothing without a token", () => {
    assertEquals(readWait(new Headers({ prefer: "wait=5" }), registry), undefined);
  });
});
