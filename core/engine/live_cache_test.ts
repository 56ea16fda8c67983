import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Aggregate, aggregateSize } from "./aggregate.ts";
import { KnownCommands } from "./known_commands.ts";
import { LiveCache } from "./live_cache.ts";

const SIZE = aggregateSize(at(1));

describe("the live cache", () => {
  it("keeps what is written again and again, however much is written once", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const version of [1, 2]) for (const key of keys("account", 20)) cache.set(key, at(version));
    for (const key of keys("order", 1_000)) cache.set(key, at(1));
    assertEquals(held(cache, keys("account", 20)), 20);
    assertEquals(held(cache, keys("order", 1_000)), 20);
    assertEquals(cache.get("order-999"), at(1));
  });

  it("lets what is written once take what nothing else needs", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const key of keys("order", 1_000)) cache.set(key, at(1));
    assertEquals(held(cache, keys("order", 1_000)), 40);
    assertEquals(cache.get("order-960"), at(1));
  });

  it("gives way to what is written again and again now", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const version of [1, 2]) for (const key of keys("old", 20)) cache.set(key, at(version));
    for (const key of keys("new", 1_000)) for (const version of [1, 2]) cache.set(key, at(version));
    assertEquals([held(cache, keys("old", 20)), held(cache, keys("new", 1_000))], [0, 40]);
    assertEquals(cache.get("new-960"), at(2));
  });

  it("gives what the proven ones have no room for another chance", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const version of [1, 2]) for (const key of keys("account", 35)) cache.set(key, at(version));
    assertEquals(held(cache, keys("account", 35)), 35);
    for (const key of keys("order", 1_000)) cache.set(key, at(1));
    assertEquals(held(cache, keys("account", 35)), 30);
  });

  it("keeps one that is too large for a place among the proven ones, however often it is written", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const version of [1, 2, 3, 4]) {
      cache.set("large", { ...at(version), state: { text: "x".repeat(17 * SIZE) } });
      assertEquals(cache.get("large")?.version, version);
    }
  });

  it("forgets what is dropped, and what is larger than all of it", () => {
    const cache = new LiveCache(40 * SIZE);
    for (const version of [1, 2]) cache.set("twice", at(version));
    cache.set("once", at(1));
    cache.drop("twice");
    cache.drop("once");
    assertEquals([cache.get("twice"), cache.get("once")], [undefined, undefined]);
    for (const version of [1, 2]) cache.set("large", { ...at(version), state: { text: "x".repeat(40 * SIZE) } });
    assertEquals(cache.get("large"), undefined);
  });

  it("has room for nothing where it is given one byte", () => {
    const cache = new LiveCache(1);
    for (const version of [1, 2]) cache.set("one", at(version));
    assertEquals(cache.get("one"), undefined);
  });
});

function at(version: number): Aggregate {
  return { state: {}, version, timestamp: "", eventId: "", known: new KnownCommands() };
}

function keys(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name}-${at}`);
}

function held(cache: LiveCache, keys: readonly string[]): number {
  return keys.filter((key) => cache.get(key) !== undefined).length;
}
