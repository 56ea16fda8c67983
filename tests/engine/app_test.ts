import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { type AppOptions, startApp } from "../../core/engine/app.ts";
import { definePlugin, manyRef, type Plugin, ref, StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";

const numberRef = ref<number>("number");
const textRef = ref<string>("text");
const wordRef = manyRef<string>("word");
const runtime = systemRuntime;

function plugin(
  name: string,
  { provides = {}, requires = {}, services = {}, journal = [], start }: {
    provides?: Plugin["provides"];
    requires?: Plugin["requires"];
    services?: Record<string, unknown>;
    journal?: string[];
    start?: (signal: AbortSignal) => Promise<void>;
  },
): Plugin {
  return {
    name,
    provides,
    requires,
    config: z.object({}),
    async start({ signal }) {
      await start?.(signal);
      journal.push(`start ${name}`);
      return { services, stop: () => Promise.resolve(void journal.push(`stop ${name}`)) };
    },
  };
}

function start(plugins: readonly Plugin[], options: Partial<AppOptions> = {}) {
  return startApp({ plugins, environment: {}, runtime, ...options });
}

describe("startApp", () => {
  it("starts in the order of needs and stops in reverse", async () => {
    const journal: string[] = [];
    const app = await start([
      plugin("reader", { requires: { text: textRef }, journal }),
      plugin("writer", {
        provides: { text: textRef },
        requires: { number: numberRef },
        services: { text: "a" },
        journal,
      }),
      plugin("counter", { provides: { number: numberRef }, services: { number: 1 }, journal }),
    ]);
    assertEquals(app.service(textRef), "a");
    assertEquals(app.boot.map((each) => each.plugin), ["counter", "writer", "reader"]);
    await app.stop();
    await app.stop();
    assertEquals(journal, [
      "start counter",
      "start writer",
      "start reader",
      "stop reader",
      "stop writer",
      "stop counter",
    ]);
  });

  it("tells of every plugin that does not stop, and why", async () => {
    const failing = (name: string) =>
      definePlugin({
        name,
        provides: {},
        requires: {},
        config: z.object({}),
        start: () => Promise.resolve({ services: {}, stop: () => Promise.reject(new Error(`${name} is stuck`)) }),
      });
    const app = await start([failing("first"), failing("second"), failing("third")]);
    const { errors } = await assertRejects(() => app.stop(), AggregateError);
    assertEquals(errors.map(({ message, cause }) => [message, cause.message]), [
      ["The plugin third did not stop cleanly", "third is stuck"],
      ["The plugin second did not stop cleanly", "second is stuck"],
      ["The plugin first did not stop cleanly", "first is stuck"],
    ]);
  });

  it("gathers a service from every plugin that provides it, and none is an empty list", async () => {
    let seen: readonly string[] | undefined;
    const reader = definePlugin({
      name: "reader",
      provides: {},
      requires: { words: wordRef, others: manyRef<string>("other") },
      config: z.object({}),
      start({ services }) {
        seen = [...services.words, ...services.others];
        return Promise.resolve({ services: {} });
      },
    });
    const app = await start([
      reader,
      plugin("a", { provides: { words: wordRef }, services: { words: ["one"] } }),
      plugin("b", { provides: { words: wordRef }, services: { words: ["two", "three"] } }),
    ]);
    assertEquals(seen, ["one", "two", "three"]);
    await app.stop();
  });

  it("names both sides of every missing, doubled and circular service at once, before anything starts", async () => {
    const journal: string[] = [];
    const error = await assertRejects(() =>
      start([
        plugin("first", { provides: { number: numberRef }, journal }),
        plugin("second", { provides: { number: numberRef }, journal }),
        plugin("lost", { requires: { nothing: ref("nothing") }, journal }),
        plugin("egg", { provides: { egg: ref("egg") }, requires: { hen: ref("hen") }, journal }),
        plugin("hen", { provides: { hen: ref("hen") }, requires: { egg: ref("egg") }, journal }),
      ]), StartError);
    assertStringIncludes(error.message, 'the service "number" is provided by first and by second');
    assertStringIncludes(error.message, 'lost requires the service "nothing", which no plugin provides');
    assertStringIncludes(error.message, "egg -> hen -> egg");
    assertEquals(journal, []);
  });

  it("names every bad variable in one message, and no secret", async () => {
    const strictOne = definePlugin({
      name: "strict_one",
      provides: {},
      requires: {},
      config: z.object({ PORT: z.coerce.number().int(), MODE: z.enum(["a", "b"]), A_PASSWORD: z.string().max(3) }),
      start: () => Promise.resolve({ services: {} }),
    });
    const error = await assertRejects(
      () => startApp({ plugins: [strictOne], environment: { PORT: "http", MODE: "c", A_PASSWORD: "s3cret" }, runtime }),
      StartError,
    );
    assertStringIncludes(error.message, 'PORT="http" (strict_one)');
    assertStringIncludes(error.message, 'MODE="c" (strict_one)');
    assertStringIncludes(error.message, "A_PASSWORD=(hidden) (strict_one)");
    assertEquals(error.message.includes("s3cret"), false);
  });

  it("names a bad URL without what it holds of secrets", async () => {
    const strictOne = definePlugin({
      name: "strict_one",
      provides: {},
      requires: {},
      config: z.object({ A_URL: z.enum(["none"]) }),
      start: () => Promise.resolve({ services: {} }),
    });
    const cases: [url: string, shown: string][] = [
      ["https://user:s3cret@a.test/path", '"https:(hidden)@a.test/path"'],
      ["https://:s3cret@a.test", '"https:(hidden)@a.test"'],
      ["https:user:s3cret@a.test", '"https:(hidden)@a.test"'],
      ["ftp://u:s/3?c#r@s3cret@a.test:1", '"ftp:(hidden)@a.test:1"'],
      ["https://a.test/?api_key=s3cret#s3cret", '"https://a.test/?(hidden)"'],
      ["one:9092,two:9092", '"one:9092,two:9092"'],
      ["what?", '"what?"'],
    ];
    for (const [url, shown] of cases) {
      const starting = () => startApp({ plugins: [strictOne], environment: { A_URL: url }, runtime });
      const { message } = await assertRejects(starting, StartError);
      assertStringIncludes(message, `A_URL=${shown} (strict_one)`);
      assertEquals(message.includes("s3cret"), false, message);
    }
  });

  it("stops what had started when a later plugin fails", async () => {
    const journal: string[] = [];
    const fails = plugin("fails", {
      requires: { number: numberRef },
      start: () => Promise.reject(new StartError("the port is taken")),
    });
    await assertRejects(
      () => start([plugin("works", { provides: { number: numberRef }, services: { number: 1 }, journal }), fails]),
      StartError,
      "the port is taken",
    );
    assertEquals(journal, ["start works", "stop works"]);
  });

  it("gives a plugin up that does not start in time, and stops it should it start after all", async () => {
    const journal: string[] = [];
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const slow = definePlugin({
      name: "slow",
      provides: {},
      requires: {},
      config: z.object({}),
      start: ({ signal }) =>
        new Promise((started) =>
          signal.addEventListener("abort", () => started({ services: {}, stop: () => Promise.resolve(resolve()) }))
        ),
    });
    await assertRejects(
      () => start([plugin("works", { journal }), slow], { startTimeoutMs: 20 }),
      StartError,
      "slow did not start within 20 ms",
    );
    await stopped;
    assertEquals(journal, ["start works", "stop works"]);
  });

  it("ends a start that is given up from outside, though it hangs", async () => {
    const journal: string[] = [];
    const giveUp = new AbortController();
    const hangs = plugin("hangs", { start: () => (giveUp.abort(new Error("told to stop")), new Promise(() => {})) });
    const slept: number[] = [];
    const hasty: Runtime = {
      ...runtime,
      sleep(ms, options) {
        slept.push(ms);
        return ms === 7_000 ? Promise.resolve() : runtime.sleep(ms, options);
      },
    };
    await assertRejects(
      () => start([plugin("works", { journal }), hangs], { signal: giveUp.signal, runtime: hasty }),
      Error,
      "told to stop",
    );
    assertEquals([journal, slept.includes(7_000)], [["start works", "stop works"], true]);
  });

  it("lets a start that is given up from outside undo what it was at, before what it needs is stopped", async () => {
    const journal: string[] = [];
    const giveUp = new AbortController();
    const undoes = plugin("undoes", {
      requires: { number: numberRef },
      async start(signal) {
        giveUp.abort(new Error("told to stop"));
        await runtime.sleep(0);
        journal.push("undone");
        signal.throwIfAborted();
      },
    });
    const works = plugin("works", { provides: { number: numberRef }, services: { number: 1 }, journal });
    await assertRejects(() => start([works, undoes], { signal: giveUp.signal }), Error, "told to stop");
    assertEquals(journal, ["start works", "undone", "stop works"]);
  });
});
