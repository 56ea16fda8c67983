import { Client } from "cassandra-driver";
import { clientOptions } from "./raw_client.ts";
import { commits, seed } from "./raw_commits.ts";
import { readLog } from "./raw_log.ts";
import { scan } from "./raw_scan.ts";

/** The database's driver with hardly anything around it: the measure of all ratios. It works when asked by HTTP. */
const [address = "", keyspace = ""] = Deno.args;
const client = new Client(clientOptions(address, keyspace));
await client.connect();

const works: Readonly<Record<string, (numbers: (name: string) => number) => Promise<unknown>>> = {
  "/commits": (of) => commits(client, { concurrency: of("concurrency"), seconds: of("seconds") }),
  "/seed": (of) => seed(client, { streams: of("streams"), events: of("events") }),
  "/scan": () => scan(client),
  "/log": () => readLog(client),
};

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => console.log(`raw http://${hostname}:${port} ready`),
}, async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  try {
    const result = await works[pathname]?.((name) => Number(searchParams.get(name)));
    return Response.json(result ?? null);
  } catch (error) {
    return new Response(String(error), { status: 500 });
  }
});
