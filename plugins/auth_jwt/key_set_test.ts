import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { virtualRuntime } from "annals/testing";
import { componentContract } from "../../tests/contract/component.ts";
import { Fault } from "../../tests/contract/fault.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import { KeySet } from "./key_set.ts";

const REFRESH_MS = 300_000;
const ADVICE = "check JWKS_URL, and that its server can be reached from here";
const [ONE, TWO] = [await keyOf("one"), await keyOf("two")];

describe("a key set", () => {
  it("is fetched anew for a key that is not in it, and a made-up one causes one fetch in half a minute", async () => {
    const { keySet, server, runtime, stop } = await rig();
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "two" }));
    assertEquals(server.requests, 1);
    server.keys = [ONE, TWO];
    await runtime.advance(30_000);
    await Promise.all([1, 2, 3].map(() => keySet.find({ alg: "ES256", kid: "two" })));
    assertEquals(server.requests, 2);
    for (let at = 0; at < 100; at++) await assertRejects(() => keySet.find({ alg: "ES256", kid: `made-up-${at}` }));
    assertEquals(server.requests, 2);
    await stop();
  });

  it("is fetched every five minutes, and those who know what was signed are told when it has changed", async () => {
    const { keySet, server, runtime, changes, stop } = await rig();
    await runtime.advance(REFRESH_MS);
    assertEquals([server.requests, changes()], [2, 1]);
    server.keys = [TWO];
    await runtime.advance(REFRESH_MS);
    assertEquals([server.requests, changes()], [3, 2]);
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "one" }));
    await stop();
  });

  it("that cannot be fetched at first says so, and serves as soon as it can be", async () => {
    const { keySet, server, runtime, stop } = await rig({ fault: "nobody there" });
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "one" }), Error, "not fetched yet");
    const reason = `There are no keys yet, so no token is let in: nobody there; ${ADVICE}`;
    assertEquals(keySet.health(), { status: "fail", reason });
    server.fault = undefined;
    await runtime.advance(1_000);
    assertEquals((await keySet.find({ alg: "ES256", kid: "one" })).type, "public");
    assertEquals(keySet.health(), { status: "pass" });
    await stop();
  });

  it("that cannot be fetched later serves on, says so, and is tried again every 5 to 10 s", async () => {
    const { keySet, server, runtime, stop } = await rig();
    server.fault = "gone";
    await runtime.advance(REFRESH_MS);
    const reason = `The keys fetched last are still in use: gone; ${ADVICE}`;
    assertEquals(keySet.health(), { status: "warn", reason });
    assertEquals((await keySet.find({ alg: "ES256", kid: "one" })).type, "public");
    const { requests } = server;
    await runtime.advance(600_000);
    const tried = server.requests - requests;
    assertEquals([tried >= 60, tried <= 125], [true, true], `${tried} tries`);
    server.fault = undefined;
    await runtime.advance(60_000);
    assertEquals(keySet.health(), { status: "pass" });
    await stop();
  });

  it("leaves nothing waiting behind a fetch, well or not", async () => {
    const { server, runtime, stop } = await rig();
    await runtime.advance(REFRESH_MS);
    server.fault = "gone";
    await runtime.advance(REFRESH_MS);
    assertEquals(server.fetches.map(({ aborted }) => aborted), server.fetches.map(() => true));
    assertEquals(server.fetches.length >= 3, true);
    await stop();
  });

  it("keeps no start that is stopped", async () => {
    const given = new AbortController();
    const { keySet, server, branch, log } = open();
    server.hang.begin("hangs");
    const starting = keySet.start(given.signal);
    given.abort();
    await starting;
    await keySet.stop(new AbortController().signal);
    server.hang.mend();
    assertEquals([log.lines, branch.tree().children.map(({ state }) => state)], [[], ["stopped"]]);
  });
});

componentContract("key_set", async (kind) => {
  const { server, stop, ...opened } = await rig();
  return {
    ...opened,
    fault: kind === "hangs" ? server.hang : server.pause,
    async assertWorks() {
      const { requests } = server;
      await opened.runtime.advance(REFRESH_MS + 1_000);
      assertEquals([server.requests > requests, opened.keySet.health()], [true, { status: "pass" }]);
    },
    [Symbol.asyncDispose]: stop,
  };
});

async function rig({ fault }: { fault?: string } = {}) {
  const opened = open(fault);
  await opened.keySet.start(new AbortController().signal);
  return { ...opened, stop: () => opened.keySet.stop(new AbortController().signal) };
}

function open(fault?: string) {
  const runtime = virtualRuntime({ seed: 1 });
  const server = {
    keys: [ONE],
    fault,
    requests: 0,
    fetches: [] as AbortSignal[],
    hang: new Fault(),
    pause: new Fault(),
  };
  const log = keptLog();
  const branch = openBranch({ runtime, log });
  let changed = 0;
  const keySet = new KeySet({
    async fetchKeys(signal) {
      server.requests += 1;
      server.fetches.push(signal);
      await server.hang.meet();
      if (server.fault !== undefined) throw new Error(server.fault);
      return { keys: server.keys };
    },
    refreshMs: REFRESH_MS,
    runtime: { ...runtime, sleep: (...given) => server.pause.meet() ?? runtime.sleep(...given) },
    log,
    branch,
    onChange: () => changed += 1,
  });
  return { keySet, server, runtime, branch, log, changes: () => changed };
}

async function keyOf(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" };
}
