import { connect } from "node:net";
import { createServer } from "node:tls";
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openDriverSession } from "../../plugins/storage_scylla/driver_session.ts";
import { CqlError } from "../../plugins/storage_scylla/session.ts";
import { temporaryDirectory } from "../service/service.ts";
import { cassandraAddress } from "./server.ts";
import { makeCertificate } from "./servers/certificate.ts";

const STATEMENT = { cql: "SELECT key FROM system.local", values: [] };

describe("a session over TLS", () => {
  it("works where the certificate is one to trust, and nowhere else", async () => {
    await using way = await startTls();
    const options = { contactPoints: [way.address], reachedAt: way.address, homeDc: "datacenter1", heartbeatMs: 0 };
    const session = await openDriverSession({ ...options, tls: { ca: way.authority } });
    assertEquals((await session.execute(STATEMENT)).length, 1);
    await session.close();
    await assertRejects(() => openDriverSession({ ...options, tls: { ca: undefined } }), CqlError);
    await assertRejects(() => openDriverSession(options), CqlError);
  });
});

/** The shared server behind TLS. */
async function startTls() {
  await using directory = await temporaryDirectory();
  const { keystore, password, authority } = await makeCertificate(directory.path, "127.0.0.1");
  const [host = "", port = ""] = cassandraAddress().split(":");
  const pfx = await Deno.readFile(keystore);
  const server = createServer({ pfx: pfx as never, passphrase: password }, (client) => {
    const upstream = connect(Number(port), host);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  return {
    authority,
    address: `127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
