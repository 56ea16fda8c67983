import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { fieldErrors } from "./field_errors.ts";
import { pointer, problem, problemResponse } from "./problems.ts";

const PLACE = { instance: "/accounts/a", correlationId: "c" };

describe("pointer", () => {
  it("is a JSON pointer in a fragment", () => {
    assertEquals(pointer([]), "#");
    assertEquals(pointer(["items", 0, "quantity"]), "#/items/0/quantity");
    assertEquals(pointer(["a/b", "c~d", "e f", "g#h%", "\ud800"]), "#/a~1b/c~0d/e%20f/g%23h%25/%EF%BF%BD");
  });
});

describe("problemResponse", () => {
  it("is a document of RFC 9457", async () => {
    const response = problemResponse(problem("invalid_query", { detail: "d", members: { more: 1 } }), PLACE);
    assertEquals(response.status, 400);
    assertEquals(response.headers.get("content-type"), "application/problem+json");
    assertEquals(response.headers.get("x-correlation-id"), "c");
    assertEquals(await response.json(), {
      type: "/problems/invalid_query",
      title: "A query parameter is unknown, repeated or has the wrong form",
      status: 400,
      detail: "d",
      instance: "/accounts/a",
      correlation_id: "c",
      more: 1,
    });
  });
  it("says when to come back, if that helps", () => {
    assertEquals(problemResponse(problem("unavailable"), PLACE).headers.get("retry-after"), "1");
    assertEquals(problemResponse(problem("internal"), PLACE).headers.get("retry-after"), null);
  });
});

describe("fieldErrors", () => {
  const schema = z.strictObject({ items: z.array(z.strictObject({ quantity: z.number() })) });
  const errors = (value: unknown) => fieldErrors(schema.safeParse(value).error?.issues ?? []);

  it("points at what is wrong", () => {
    assertEquals(errors({ items: [{ quantity: "1" }] }).map((error) => error.pointer), ["#/items/0/quantity"]);
  });
  it("points at each unknown field", () => {
    assertEquals(errors({ items: [{ quantity: 1, "a/b": 1, c: 1 }] }), [
      { pointer: "#/items/0/a~1b", detail: "No such field is known here" },
      { pointer: "#/items/0/c", detail: "No such field is known here" },
    ]);
  });
  it("names a hundred at most", () => {
    assertEquals(errors({ items: Array(1000).fill({}) }).length, 100);
  });
});
