import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readNumber, readQuery } from "./query.ts";

const NAMES = new Set(["after", "limit"]);

function outcome(url: string): unknown {
  const query = readQuery(url, NAMES);
  return query.is === "problem" ? [query.status, query.detail] : Object.fromEntries(query.values);
}

describe("readQuery", () => {
  it("gives the decoded values", () => {
    assertEquals(outcome("http://h/a?after=a%20b+c&limit="), { after: "a b c", limit: "" });
  });
  it("takes no query, and an empty one, as nothing asked", () => {
    assertEquals([outcome("http://h/a"), outcome("http://h/a?"), outcome("http://h/a?#after=1")], [{}, {}, {}]);
  });
  it("refuses an unknown name and says which there are", () => {
    assertEquals(outcome("http://h/a?offset=1"), [
      400,
      '"offset" is not a query parameter here; this route knows after, limit',
    ]);
  });
  it("refuses a repeated name", () => {
    assertEquals(outcome("http://h/a?after=1&after=1"), [400, "after stands there more than once"]);
  });
  it("does not take the name of a property for a parameter", () => {
    assertEquals(readQuery("http://h/a?__proto__=1&constructor=2", NAMES).is, "problem");
  });
});

describe("readNumber", () => {
  const read = (text: string) => {
    const query = readQuery(`http://h/?limit=${text}`, NAMES);
    assert(query.is === "query");
    const number = readNumber(query, { name: "limit", fallback: 100, min: 1, max: 1000 });
    return number.is === "number" ? number.value : number.status;
  };
  it("takes whole numbers within the bounds", () => {
    assertEquals([read("1"), read("1000")], [1, 1000]);
  });
  it("refuses anything else", () => {
    const texts = ["0", "1001", "-1", "1.5", "1e3", "0x10", "01", "", "NaN", "９", "9999999999999999"];
    assertEquals(texts.map(read), texts.map(() => 400));
  });
});
