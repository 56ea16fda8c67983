import { assertEquals } from "@std/assert";
import { Client } from "cassandra-driver";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

Deno.test("freshKeyspace makes keyspaces apart and drops them when disposed", async () => {
  const client = new Client({
    contactPoints: [cassandraAddress()],
    localDataCenter: "datacenter1",
    refreshSchemaDelay: 0,
  });
  const query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name IN (?, ?)";
  const names: string[] = [];
  const count = async () => (await client.execute(query, names, { prepare: true })).rowLength;
  {
    await using one = await freshKeyspace("apart");
    await using other = await freshKeyspace("apart");
    names.push(one.name, other.name);
    assertEquals(await count(), 2);
  }
  assertEquals(await count(), 0);
  await client.shutdown();
});
