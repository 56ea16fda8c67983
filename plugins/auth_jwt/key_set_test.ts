import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { virtualRuntime } from "annals/testing";
import { KeySet } from "./key_set.ts";

const REFRESH_MS = 300_000;
const [ONE, TWO] = [await keyOf("one"), await keyOf("two")];

describe("a key set", () => {
  it("is fetched anew for a key that is not in it, and a made-up one causes one fetch in half a minute", async () => {
    const { keySet, server, runtime } = await rig();
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "two" }));
    assertEquals(server.requests, 1);
    server.keys = [ONE, TWO];
    await runtime.advance(30_000);
    await Promise.all([1, 2, 3].map(() => keySet.find({ alg: "ES256", kid: "two" })));
    assertEquals(server.requests, 2);
    for (let at = 0; at < 100; at++) await assertRejects(() => keySet.find({ alg: "ES256", kid: `made-up-${at}` }));
    assertEquals(server.requests, 2);
    keySet.stop();
  });

  it("is fetched every five minutes, and those who know what was signed are told when it has changed", async () => {
    const { keySet, server, runtime, changes } = await rig();
    await runtime.advance(REFRESH_MS);
    assertEquals([server.requests, changes()], [2, 1]);
    server.keys = [TWO];
    await runtime.advance(REFRESH_MS);
    assertEquals([server.requests, changes()], [3, 2]);
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "one" }));
    keySet.stop();
  });

  it("that cannot be fetched at first says so, and serves as soon as it can be", async () => {
    const { keySet, server, runtime } = await rig({ fault: "nobody there" });
    await assertRejects(() => keySet.find({ alg: "ES256", kid: "one" }), Error, "not fetched yet");
    assertEquals(keySet.health(), { status: "fail", reason: "There are no keys yet: nobody there" });
    server.fault = undefined;
    await runtime.advance(1_000);
    assertEquals((await keySet.find({ alg: "ES256", kid: "one" })).type, "public");
    assertEquals(keySet.health(), { status: "pass" });
    keySet.stop();
  });

  it("that cannot be fetched later serves on, says so, and is tried again every 5 to 10 s", async () => {
    const { keySet, server, runtime } = await rig();
    server.fault = "gone";
    await runtime.advance(REFRESH_MS);
    assertEquals(keySet.health(), { status: "warn", reason: "The keys fetched last are still in use: gone" });
    assertEquals((await keySet.find({ alg: "ES256", kid: "one" })).type, "public");
    const { requests } = server;
    await runtime.advance(600_000);
    const tried = server.requests - requests;
    assertEquals([tried >= 60, tried <= 125], [true, true], `${tried} tries`);
    server.fault = undefined;
    await runtime.advance(60_000);
    assertEquals(keySet.health(), { status: "pass" });
    keySet.stop();
  });
});

async function rig({ fault }: { fault?: string } = {}) {
  const runtime = virtualRuntime({ seed: 1 });
  const server = { keys: [ONE], fault, requests: 0 };
  const ignore = () => {};
  let changed = 0;
  const keySet = new KeySet({
    fetchKeys() {
      server.requests += 1;
      if (server.fault !== undefined) return Promise.reject(new Error(server.fault));
      return Promise.resolve({ keys: server.keys });
    },
    refreshMs: REFRESH_MS,
    runtime,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    onChange: () => changed += 1,
  });
  await keySet.start();
  return { keySet, server, runtime, changes: () => changed };
}

async function keyOf(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" };
}
