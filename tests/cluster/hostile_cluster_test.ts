import { describe, it } from "@std/testing/bdd";
import storageScylla from "../../plugins/storage_scylla/mod.ts";
import { attack } from "../http/attack.ts";
import { openService } from "../http/rig.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

describe("a thousand hostile requests", () => {
  it("on the cluster store are answered without a fault, and store nothing but what was acknowledged", async () => {
    await using keyspace = await freshKeyspace("hostile");
    const environment = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace.name };
    await using service = await openService({ storage: storageScylla, broker: false, environment });
    await attack(service, { cases: 1_000, hangsAfterMs: 30_000 });
  });
});
