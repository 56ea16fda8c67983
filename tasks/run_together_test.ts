import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { within } from "../tests/contract/surroundings.ts";
import { runTogether } from "./run_together.ts";

const NEVER = new AbortController().signal;

describe("runTogether", () => {
  it("says whether the program succeeded", async () => {
    assertEquals(await runTogether("sh", { args: ["-c", "exit $1", "sh", "0"], signal: NEVER }), true);
    assertEquals(await runTogether("sh", { args: ["-c", "exit $1", "sh", "3"], signal: NEVER }), false);
  });

  it("ends what the program has started, too", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ending = new AbortController();
    const args = ["-c", 'curl --silent "$1" & wait', "sh", `http://127.0.0.1:${listener.addr.port}/`];
    const running = runTogether("sh", { args, signal: ending.signal, stdout: "null" });
    using started = await listener.accept();
    const sent = started.readable.pipeThrough(new TextDecoderStream()).getReader();
    assertMatch((await sent.read()).value ?? "", /^GET /);
    ending.abort();
    assertEquals(await running, false);
    const left = within(sent.read(), 5_000, "what the program has started to end");
    assertEquals((await left).done, true);
  });
});
