import { assertEquals, assertRejects } from "@std/assert";
import { ahead } from "./ahead.ts";

Deno.test("the next value is asked for while the one before is worked on, and no more", async () => {
  const asked: number[] = [];
  const seen: [number, number][] = [];
  for await (const value of ahead(numbers(asked))) seen.push([value, asked.length]);
  assertEquals(seen, [[1, 2], [2, 3], [3, 3]]);
});

Deno.test("a failure is told behind the values before it, and to nobody who has left by then", async () => {
  const seen: number[] = [];
  const reading = async () => {
    for await (const value of ahead(numbers([], 2))) seen.push(value);
  };
  await assertRejects(reading, Error, "no 2");
  assertEquals(seen, [1]);
  for await (const _ of ahead(numbers([], 2))) break;
});

Deno.test("a source that is left is ended", async () => {
  const asked: number[] = [];
  let isEnded = false;
  const source = async function* () {
    try {
      yield* numbers(asked);
    } finally {
      isEnded = true;
    }
  };
  for await (const _ of ahead(source())) break;
  assertEquals([asked, isEnded], [[1, 2], true]);
});

async function* numbers(asked: number[], missing?: number): AsyncGenerator<number, void> {
  for (const number of [1, 2, 3]) {
    asked.push(number);
    if (number === missing) throw new Error(`no ${number}`);
    yield number;
  }
}
