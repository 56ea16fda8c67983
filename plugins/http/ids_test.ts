import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { derivedId, isId } from "./ids.ts";

const ALICE = { sub: "alice", claims: {} };

describe("isId", () => {
  it("takes a UUID in lower case only", () => {
    assert(isId("uuid", "0193b5a0-7c1e-7000-8000-000000000001"));
    const others = [
      "0193B5A0-7C1E-7000-8000-000000000001",
      "0193b5a07c1e70008000000000000001",
      "acc-001",
      "",
      "{0193b5a0}",
    ];
    assertEquals(others.map((text) => isId("uuid", text)), others.map(() => false));
  });
  it("takes free text of one ASCII pattern", () => {
    assert(["a", "A.b_c-9", "...a", "x".repeat(128)].every((text) => isId("text", text)));
    const others = ["", ".", "..", "...", "x".repeat(129), "a/b", "a b", "a\u0000", "a\n", "é", "％"];
    assertEquals(others.map((text) => isId("text", text)), others.map(() => false));
  });
});

describe("derivedId", () => {
  const id = derivedId(ALICE, { path: "orders", key: "k" });
  it("is a UUIDv8, the same each time", () => {
    assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assertEquals(derivedId({ ...ALICE }, { path: "orders", key: "k" }), id);
  });
  it("differs by principal, path and key", () => {
    assertNotEquals(derivedId({ ...ALICE, sub: "bob" }, { path: "orders", key: "k" }), id);
    assertNotEquals(derivedId(ALICE, { path: "carts", key: "k" }), id);
    assertNotEquals(derivedId(ALICE, { path: "orders", key: "l" }), id);
    assertNotEquals(derivedId(ALICE, { path: "ordersk", key: "" }), derivedId(ALICE, { path: "orders", key: "k" }));
  });
});
