import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { signingKey, tokenOf } from "../http/issuer.ts";
import { run } from "./program.ts";
import { fencesOf, readReadme } from "./readme.ts";
import { startService, surroundings, temporaryDirectory } from "./service.ts";

const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };

describe("the README's service with tokens", () => {
  it("starts as it says, and is asked as it says", async () => {
    const fences = fencesOf((await readReadme()).section("Who may do what"));
    const [start = "", curl = "", ...others] = fences[0]?.code.trimEnd().split("\n") ?? [];
    assertEquals([fences.length, fences[0]?.info, others], [1, "sh", []], "a block that this test does not know");
    assert(start.endsWith(" deno task start"), start);
    await using directory = await temporaryDirectory();
    const key = signingKey("one", "RS256");
    await Deno.writeTextFile(`${directory.path}/issuer.pem`, key.pem);
    const pairs = [...start.replace("data/", `${directory.path}/`).matchAll(/([A-Z_]+)=(\S+)/g)];
    const environment = Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]));
    await using service = await startService({ directory: directory.path, environment });
    const token = await tokenOf(key, { iss: environment.JWT_ISSUER, aud: environment.JWT_AUDIENCE });
    const sent = await service.post("/accounts/acc-001", OPEN, { authorization: `Bearer ${token}` });
    assertEquals(sent.status, 201, sent.text);
    const ask = async (TOKEN: string) => {
      const script = curl.replace("curl ", "curl --silent --show-error ").replace(
        "localhost:8000",
        new URL(service.url).host,
      );
      const exit = await run("sh", { args: ["-c", script], environment: { ...surroundings(), TOKEN } });
      return JSON.parse(exit.stdout);
    };
    assertEquals((await ask(token)).owner, "Alice");
    assertEquals((await ask("another")).type, "/problems/unauthenticated");
  });
});
