import storageScylla from "../../plugins/storage_scylla/mod.ts";
import { deadLetterContract } from "../contract/dead_letters.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

deadLetterContract("storage_scylla", async () => {
  const keyspace = await freshKeyspace("letters");
  return {
    storage: storageScylla,
    broker: false,
    environment: { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name },
    [Symbol.asyncDispose]: () => keyspace[Symbol.asyncDispose](),
  };
});
