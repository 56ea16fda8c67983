import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createSecretKey } from "node:crypto";
import { SignJWT } from "jose";
import { virtualRuntime } from "annals/testing";
import { Verifier } from "./verifier.ts";

const SECRET = createSecretKey(new TextEncoder().encode("a-secret-of-thirty-two-bytes-or-more"));

describe("a verifier of tokens", () => {
  it("answers at once of a token that it knows, until that expires", async () => {
    const { verifier, runtime, tokenOf, asked } = rig();
    const token = await tokenOf({ exp: seconds(runtime) + 60 });
    const first = await verifier.authenticate(token);
    assertEquals(first.is, "authenticated");
    const second = verifier.authenticate(token);
    assertEquals([second, asked()], [first, 1]);
    await runtime.advance(64_000);
    assertEquals(verifier.authenticate(token), first);
    await runtime.advance(2_000);
    assertEquals(verifier.authenticate(token), { is: "refused", reason: "the token has expired" });
  });

  it("asks the keys again of what it knew, once they have changed", async () => {
    const { verifier, runtime, tokenOf, asked } = rig();
    const token = await tokenOf({ exp: seconds(runtime) + 60 });
    await verifier.authenticate(token);
    const underWay = verifier.authenticate(await tokenOf({ exp: seconds(runtime) + 61 }));
    verifier.forget();
    await underWay;
    await verifier.authenticate(token);
    assert(verifier.authenticate(await tokenOf({ exp: seconds(runtime) + 61 })) instanceof Promise);
    assertEquals(asked(), 4);
  });

  it("takes a token of either edge of the tolerance of clocks, and none beyond", async () => {
    const { verifier, runtime, tokenOf } = rig();
    const outcomes = [];
    for (const [nbf, exp] of [[0, -4], [0, -6], [4, 60], [6, 60]] as const) {
      const now = seconds(runtime);
      outcomes.push((await verifier.authenticate(await tokenOf({ nbf: now + nbf, exp: now + exp }))).is);
    }
    assertEquals(outcomes, ["authenticated", "refused", "authenticated", "refused"]);
  });

  it("lets nobody be called what those are called who show no token", async () => {
    const { verifier, runtime, tokenOf } = rig();
    const exp = seconds(runtime) + 60;
    for (const sub of ["anonymous", "operator", "", "x".repeat(256), 7, undefined]) {
      assertEquals((await verifier.authenticate(await tokenOf({ exp, sub }))).is, "refused", String(sub));
    }
  });

  it("looks at no token that is longer than any should be", async () => {
    const { verifier, runtime, tokenOf, asked } = rig();
    const token = await tokenOf({ exp: seconds(runtime) + 60, more: "x".repeat(8_192) });
    assertEquals([(await verifier.authenticate(token)).is, asked()], ["refused", 0]);
  });
});

function rig() {
  const runtime = virtualRuntime({ seed: 1 });
  let asked = 0;
  const find = () => {
    asked += 1;
    return SECRET;
  };
  const keys = { algorithms: ["HS256"], find };
  const verifier = new Verifier({ keys, issuer: "issuer", audience: "annals", runtime });
  const tokenOf = (claims: Readonly<Record<string, unknown>>) =>
    new SignJWT({ iss: "issuer", aud: "annals", sub: "alice", ...claims }).setProtectedHeader({ alg: "HS256" })
      .sign(SECRET);
  return { verifier, runtime, tokenOf, asked: () => asked };
}

function seconds(runtime: { now(): number }): number {
  return Math.floor(runtime.now() / 1000);
}
