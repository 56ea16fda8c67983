import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { keptLog, openBranch, realRuntime, until } from "../../tests/contract/surroundings.ts";
import { openDoor } from "./doors.ts";
import { Traffic } from "./traffic.ts";

const NEVER = new AbortController().signal;

/** Two doors, and the servers behind the first of them. */
async function openTwo() {
  const branch = openBranch({ runtime: realRuntime, log: keptLog() });
  const servers: Deno.HttpServer<Deno.NetAddr>[] = [];
  const serve = ((options: Deno.ServeTcpOptions, handler: Deno.ServeHandler<Deno.NetAddr>) => {
    const server = Deno.serve(options, handler);
    servers.push(server);
    return server;
  }) as typeof Deno.serve;
  const open = (name: string, more: { serve?: typeof Deno.serve }) =>
    openDoor({
      ...{
        name,
        hostname: "127.0.0.1",
        port: 0,
        variables: { hostname: "HOST", port: "PORT" },
        fetch: () => new Response(name),
      },
      ...{ runtime: realRuntime, traffic: new Traffic(), branch, ...more },
    });
  const doors = [await open("mortal", { serve }), await open("steady", {})] as const;
  const component = (name: string) => branch.tree().children.find((each) => each.name === name);
  return { doors, servers, component, stop: () => Promise.all(doors.map((door) => door.stop(NEVER))) };
}

const answerOf = async (url: string) => await (await fetch(url)).text();

describe("a door", () => {
  it("whose server ends is opened again where it was, shows it, and leaves the other one alone", async () => {
    const { doors: [mortal, steady], servers, component, stop } = await openTwo();
    assertEquals(await answerOf(mortal.url), "mortal");
    await servers[0]?.shutdown();
    await until(() => servers.length === 2);
    assertEquals([await answerOf(mortal.url), await answerOf(steady.url)], ["mortal", "steady"]);
    const { state, restarts, lastError } = component("mortal") ?? {};
    assertEquals([state, restarts], ["running", 1]);
    assert(lastError?.includes("mortal ended although nobody stopped it"), String(lastError));
    assertEquals(component("steady")?.restarts, 0);
    await stop();
  });
});
