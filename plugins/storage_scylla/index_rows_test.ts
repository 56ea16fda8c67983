import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { compareText } from "./index_reader.ts";
import { cellsOf, indexTable, listNamed, listOf, shardOf, SHARDS, valueOf } from "./index_rows.ts";
import { statementsFor } from "./dialect.ts";
import { tablesOf } from "./read_model_definitions.ts";
import { fromKey, toKey } from "./text.ts";

describe("a list", () => {
  it("is named by what is indexed and how, not by what it is called or how that was written", () => {
    assertEquals(listOf({ by: "a" }).name, listOf({ by: "a" }).name);
    const others = [{ by: "b" }, { by: "a", ignoreCase: true }, { by: "a", newestFirstBy: "b" }] as const;
    for (const other of others) assertNotEquals(listOf({ by: "a" }).name, listOf(other).name);
    for (const index of [{ by: "a" } as const, ...others]) assertEquals(listNamed(listOf(index).name), listOf(index));
    assertEquals(
      listOf({ ignoreCase: true, newestFirstBy: "b", by: "a" }).name,
      listOf({ by: "a", newestFirstBy: "b", ignoreCase: true }).name,
    );
  });

  it("holds what has a value, and of a long one what tells it from others", () => {
    const list = listOf({ by: "a", newestFirstBy: "at" });
    assertEquals(cellsOf(list, { a: 1.5, at: "x" }), { list: list.name, value: "1.5", sort: "x" });
    assertEquals(cellsOf(list, { a: "x", at: 5 }), { list: list.name, value: "x", sort: "" });
    for (const document of [undefined, {}, { a: null }, { a: {} }]) assertEquals(cellsOf(list, document), undefined);
    const long = "x".repeat(200_000);
    assertLess(valueOf({ by: "a" }, long)?.length ?? Infinity, 2_000);
    assertNotEquals(valueOf({ by: "a" }, long), valueOf({ by: "a" }, `${long}y`));
    assertLess(cellsOf(list, { a: 1, at: "🎉".repeat(100_000) })?.sort.length ?? Infinity, 2_000);
  });

  it("is spread evenly over its shards, whatever keys look like", () => {
    for (const keyOf of [(at: number) => `order-${at}`, (at: number) => String(at), (at: number) => `${at}-é🎉`]) {
      const counts = new Array<number>(SHARDS).fill(0);
      for (let at = 0; at < 16_000; at++) counts[shardOf(keyOf(at))] = (counts[shardOf(keyOf(at))] ?? 0) + 1;
      for (const count of counts) assert(count > 700 && count < 1_300, `expected about 1,000 in each, found ${counts}`);
    }
  });

  it("is made without grace for what is deleted, on every kind of server", () => {
    const kinds = ["cassandra", "scylla_tablets", "scylla_vnodes"] as const;
    const texts = kinds.map((kind) => statementsFor(kind, { cql: indexTable("t"), keyspace: "k" }).join(";"));
    for (const text of texts) assert(text.includes("gc_grace_seconds = 0"), text);
    assertEquals(texts.map((text) => text.includes("tombstone_gc = {'mode': 'timeout'}")), [false, true, true]);
  });
});

describe("texts that CQL compares", () => {
  it("have the order of their UTF-8 bytes", () => {
    const texts = [
      "",
      "a",
      "ab",
      "b",
      "é",
      "\u{d7ff}",
      "\u{e000}",
      "\u{ffff}",
      "\u{10000}",
      "🎉",
      "🎉a",
      "a🎉",
      "a\u{ffff}",
    ];
    const bytes = (text: string) => new TextEncoder().encode(text).toHex();
    const byBytes = texts.toSorted((a, b) => bytes(a) < bytes(b) ? -1 : bytes(a) > bytes(b) ? 1 : 0);
    assertEquals(texts.toReversed().toSorted(compareText), byBytes);
  });

  it("hold every key, the empty one too", () => {
    for (const key of ["", "\\", "\\\\", "a\ud800", "\\005c", "x"]) {
      assertEquals(fromKey(toKey(key)), key);
      assert(toKey(key).length > 0);
    }
  });
});

describe("an incarnation's tables", () => {
  it("have names that fit, also for the longest incarnation, and of their own", () => {
    const long = ["a".repeat(100), `${"a".repeat(99)}b`, `${"a".repeat(38)}`, "a"];
    const names = long.flatMap((each) => Object.values(tablesOf(each)));
    assertEquals(new Set(names).size, names.length);
    for (const name of names) assert(/^[a-z_0-9]{1,48}$/.test(name), name);
  });

  it("are not made for what is no name", () => {
    for (const name of ["", "A", "1a", "a-b", "a;", "a".repeat(101)]) assertThrows(() => tablesOf(name), TypeError);
  });
});
