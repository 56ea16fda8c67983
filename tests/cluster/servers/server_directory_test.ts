import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { temporaryDirectory } from "../../service/service.ts";
import { exists } from "./cache.ts";
import { argumentOf, claimDirectory } from "./server_directory.ts";
import { within } from "../../contract/surroundings.ts";

const END_MS = 10_000;

describe("claimDirectory", () => {
  it("gives a directory of one's own, and removes it at the end", async () => {
    await using cache = await temporaryDirectory();
    await using first = await claimDirectory("pretended", { cache: cache.path });
    let path: string;
    {
      await using second = await claimDirectory("pretended", { cache: cache.path });
      path = second.path;
      assertEquals([await exists(first.path), await exists(path), first.path === path], [true, true, false]);
    }
    assertEquals([await exists(first.path), await exists(path)], [true, false]);
  });

  it("refuses a given one that is claimed, and keeps it at the end", async () => {
    await using cache = await temporaryDirectory();
    {
      await using _claimed = await claimDirectory("pretended", { given: cache.path });
      await assertRejects(
        () => claimDirectory("pretended", { given: cache.path }),
        Error,
        "found a server running there",
      );
    }
    await using _again = await claimDirectory("pretended", { given: cache.path });
    assertEquals(await exists(cache.path), true);
  });

  it("ends the server of a run that was killed, and removes its directory", async () => {
    await using cache = await temporaryDirectory();
    const left = await leftover(cache.path);
    const server = pretendServer(left);
    await Deno.writeTextFile(`${left}/server.pid`, `${server.pid}\n`);
    await using _next = await claimDirectory("pretended", { cache: cache.path });
    const { signal } = await within(server.status, END_MS, "the server to end");
    assertEquals([signal, await exists(left)], ["SIGKILL", false]);
    await server.stdin.close();
  });

  it("ends no other process that has the server's pid by now", async () => {
    await using cache = await temporaryDirectory();
    const left = await leftover(cache.path);
    const other = pretendServer(`${left}1`);
    await Deno.writeTextFile(`${left}/server.pid`, `${other.pid}\n`);
    await using _next = await claimDirectory("pretended", { cache: cache.path });
    assertEquals(await exists(left), false);
    await other.stdin.close();
    assertEquals((await other.status).code, 7);
  });
});

/** What a run that was killed leaves: nobody holds its lock. */
async function leftover(cache: string): Promise<string> {
  const path = `${cache}/pretended/server-left`;
  await Deno.mkdir(path, { recursive: true });
  return path;
}

/** Lives until its input is closed, with a server's command line. */
function pretendServer(directory: string): Deno.ChildProcess {
  const args = ["-c", "read _; exit 7", "pretended", `${argumentOf(directory)}`];
  return new Deno.Command("sh", { args, stdin: "piped" }).spawn();
}
