import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Context } from "hono";
import { createPublicKey } from "node:crypto";
import { Verifier } from "../../plugins/auth_jwt/verifier.ts";
import { createPublicGates } from "../../plugins/http/access/public_gates.ts";
import { Traffic } from "../../plugins/http/traffic.ts";
import { systemRuntime as runtime } from "../../plugins/runtime/mod.ts";
import { AUDIENCE, bearer, ISSUER, signingKey, tokenOf } from "./issuer.ts";

const LIMIT = { requests: 2, seconds: 3_600 };

describe("the gate of data", () => {
  it("checks no other token from where more than enough were refused, but knows whom it knew", async () => {
    const { key, ask, checked } = rig();
    const [alice, bob] = [await tokenOf(key), await tokenOf(key, { sub: "bob" })];
    assertEquals([await ask("10.0.0.1", alice), checked()], ["admitted", 1]);
    const forged = await tokenOf({ ...signingKey("one") });
    const answers = [];
    for (let at = 0; at < 4; at++) answers.push(await ask("10.0.0.1", forged));
    assertEquals([answers, checked()], [[401, 401, 429, 429], 3]);
    assertEquals([await ask("10.0.0.1", bob), checked()], [429, 3]);
    assertEquals([await ask("10.0.0.1", alice), checked()], ["admitted", 3]);
    assertEquals([await ask("10.0.0.2", bob), checked()], ["admitted", 4]);
  });

  it("counts subjects however many addresses were made up", async () => {
    const { key, ask } = rig();
    for (let at = 0; at < 100_000; at++) await ask(`address ${at}`);
    assertEquals([await ask("new"), await ask("newer"), await ask("newest")], [401, 401, 429]);
    const token = await tokenOf(key);
    const answers = [];
    for (let at = 0; at < 3; at++) answers.push(await ask("newest", token));
    assertEquals(answers, ["admitted", "admitted", 429]);
  });
});

function rig() {
  const key = signingKey("one");
  const publicKey = createPublicKey(key.pem);
  let checked = 0;
  const find = () => {
    checked += 1;
    return publicKey;
  };
  const keys = { algorithms: [key.alg], find };
  const authenticator = new Verifier({ keys, issuer: ISSUER, audience: AUDIENCE, runtime });
  let address = "";
  const gates = createPublicGates({
    ...{ authenticator, runtime, traffic: new Traffic(), requestLimit: 1, clientLimit: LIMIT },
    addressOf: () => address,
  });
  const ask = async (from: string, token?: string) => {
    address = from;
    const headers = token === undefined ? {} : bearer(token);
    const answer = await gates.data(new Context(new Request("http://x/", { headers })));
    return answer.is === "admitted" ? answer.is : answer.status;
  };
  return { key, ask, checked: () => checked };
}
