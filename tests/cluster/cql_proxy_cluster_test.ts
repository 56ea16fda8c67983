import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { Client, type ClientOptions, policies } from "cassandra-driver";
import { until, within } from "../contract/surroundings.ts";
import { moment } from "../service/program.ts";
import { clientThrough, type CqlProxy, startProxy } from "./cql_proxy.ts";
import { endForgottenHosts } from "./forgotten_hosts.ts";
import { freshKeyspace, type Keyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const DC = "datacenter1";
const INSERT = "INSERT INTO t (id, n) VALUES (?, ?) IF NOT EXISTS";
const READ = "SELECT n FROM t WHERE id = ?";
/** For what is never answered; of what is, nobody knows how long a busy server takes. */
const TIMED_OUT = { readTimeout: 400 };
const DELAY_MS = 50;
/** The driver forgets the timer of it where a connection was cut. */
const NO_HEARTBEAT = { heartBeatInterval: 0 };
const RECONNECT_MS = 100;
const WAIT_MS = 15_000;

describe("CqlProxy", () => {
  let keyspace: Keyspace;
  let direct: Client;
  let ids = 0;

  beforeAll(async () => {
    keyspace = await freshKeyspace("proxy");
    const contactPoints = [cassandraAddress()];
    direct = new Client({ contactPoints, localDataCenter: DC, keyspace: keyspace.name, refreshSchemaDelay: 0 });
    await direct.execute("CREATE TABLE t (id int PRIMARY KEY, n int)");
  });

  afterAll(async () => {
    await direct.shutdown();
    await keyspace[Symbol.asyncDispose]();
  });

  it("is all the driver talks to", async () => {
    await using rig = await connect();
    const hosts = rig.client.getState().getConnectedHosts().map(({ address }) => address);
    assertEquals(hosts, [rig.proxy.address]);
    await rig.client.execute("SELECT * FROM t");
    await rig.client.execute("SELECT * FROM t", [], { prepare: true });
    await rig.client.execute("SELECT * FROM t", [], { prepare: true });
    await rig.client.batch([{ query: INSERT, params: [++ids, 1] }], { prepare: true, logged: false });
    assertEquals([rig.proxy.requests("PREPARE"), rig.proxy.requests("EXECUTE"), rig.proxy.requests("BATCH")], [
      2,
      2,
      1,
    ]);
  });

  it("is where the driver looks for every server that it hears of", async () => {
    await using proxy = startProxy({ target: cassandraAddress() });
    const found: string[] = [];
    const { translate } = clientThrough(proxy).policies.addressResolution;
    for (const host of ["127.0.0.1", "10.0.0.2"]) translate(host, 9042, (endpoint: string) => found.push(endpoint));
    assertEquals(found, [proxy.address, proxy.address]);
  });

  it("dropResponses: a conditional insert is applied, and its answer never comes", async () => {
    await using rig = await connect();
    rig.proxy.dropResponses({ opcode: "EXECUTE", count: 1 });
    const id = ++ids;
    await assertRejects(() => insert(rig.client, id, TIMED_OUT), Error, "did not reply before timeout");
    await until(async () => await read(id) === 7);
    assert(!(await insert(rig.client, id)).wasApplied());
  });

  it("dropResponses: so is a conditional batch", async () => {
    await using rig = await connect();
    rig.proxy.dropResponses({ opcode: "BATCH", count: 1 });
    const id = ++ids;
    const batch = (options = {}) =>
      rig.client.batch([{ query: INSERT, params: [id, 7] }], { prepare: true, logged: false, ...options });
    await assertRejects(() => batch(TIMED_OUT), Error, "did not reply before timeout");
    await until(async () => await read(id) === 7);
    assert(!(await batch()).wasApplied());
  });

  it("dropRequests: nothing is applied", async () => {
    await using rig = await connect();
    rig.proxy.dropRequests({ opcode: "EXECUTE", count: 1 });
    const id = ++ids;
    await assertRejects(() => insert(rig.client, id, TIMED_OUT), Error, "did not reply before timeout");
    assertEquals(await read(id), undefined);
    assert((await insert(rig.client, id)).wasApplied());
  });

  it("holdRequests: nothing is applied until it is released", async () => {
    await using rig = await connect();
    const held = rig.proxy.holdRequests({ opcode: "EXECUTE", count: 1 });
    const id = ++ids;
    const inserting = insert(rig.client, id);
    await within(held.arrived, WAIT_MS, "the insert to arrive");
    assert((await insert(rig.client, ++ids)).wasApplied(), "a later request overtakes it");
    assertEquals(await read(id), undefined);
    held.release();
    assert((await inserting).wasApplied());
    assertEquals(await read(id), 7);
  });

  it("holdRequests: pass lets them go on", async () => {
    await using rig = await connect();
    const held = rig.proxy.holdRequests({ opcode: "EXECUTE" });
    const inserting = insert(rig.client, ++ids);
    await within(held.arrived, WAIT_MS, "the insert to arrive");
    rig.proxy.pass();
    assert((await inserting).wasApplied());
    assert((await insert(rig.client, ++ids)).wasApplied());
  });

  it("delayRequests: a later request is answered before, and it by itself in the end", async () => {
    await using rig = await connect();
    await insert(rig.client, ++ids); // Else which of the two is sent first is open until it is prepared.
    rig.proxy.delayRequests({ opcode: "EXECUTE", ms: WAIT_MS, count: 1 });
    const answered: string[] = [];
    const first = insert(rig.client, ++ids).then(() => answered.push("delayed"));
    await insert(rig.client, ++ids).then(() => answered.push("later"));
    assertEquals(answered, ["later"]);
    rig.proxy.pass();
    await first;
    rig.proxy.delayRequests({ opcode: "EXECUTE", ms: DELAY_MS, count: 1 });
    assert((await insert(rig.client, ++ids)).wasApplied());
  });

  it("a rule with a statement is for requests of it alone, prepared, in batches and plain", async () => {
    // What prepares a statement takes its limit from the client alone.
    await using rig = await connect({ readTimeout: 2_000 });
    rig.proxy.dropRequests({ statement: /^INSERT .*IF NOT EXISTS$/ });
    const id = ++ids;
    const batch = [{ query: INSERT, params: [id, 7] }];
    const plain = `INSERT INTO t (id, n) VALUES (${id}, 7) IF NOT EXISTS`;
    const requests = [
      () => rig.client.execute(plain),
      () => rig.client.batch(batch, { prepare: false }),
      () => insert(rig.client, id),
    ];
    for (const request of requests) await assertRejects(request, Error, "did not reply before timeout");
    rig.proxy.pass();
    await insert(rig.client, ++ids);
    rig.proxy.dropRequests({ statement: /^INSERT .*IF NOT EXISTS$/ });
    await rig.client.execute(READ, [id], { prepare: true });
    const prepared = [() => insert(rig.client, id), () => rig.client.batch(batch, { prepare: true })];
    for (const request of prepared) await assertRejects(request, Error, "did not reply before timeout");
    assertEquals(await read(id), undefined);
  });

  it("cutResponses: it is applied, and the same client recovers", async () => {
    await using rig = await connect();
    rig.proxy.cutResponses({ opcode: "EXECUTE", count: 1 });
    const id = ++ids;
    await assertRejects(() => insert(rig.client, id), Error, "Socket was closed");
    assertEquals(await read(id), 7);
    await within(untilAnswered(rig.client), WAIT_MS, "the client to recover");
  });

  it("cut: what is under way fails, and the same client recovers", async () => {
    await using rig = await connect();
    const held = rig.proxy.holdRequests({ opcode: "EXECUTE" });
    const inserting = insert(rig.client, ++ids);
    await within(held.arrived, WAIT_MS, "the insert to arrive");
    rig.proxy.cut();
    await assertRejects(() => inserting, Error, "Socket was closed");
    rig.proxy.pass();
    await within(untilAnswered(rig.client), WAIT_MS, "the client to recover");
    assertEquals(await read(ids), undefined);
  });

  it("refuse: nobody gets a connection until pass", async () => {
    await using rig = await connect();
    rig.proxy.refuse();
    await assertRejects(() => insert(rig.client, ++ids), Error);
    const other = new Client(clientThrough(rig.proxy));
    await assertRejects(() => other.connect(), Error, "All host(s) tried for query failed");
    await other.shutdown();
    rig.proxy.pass();
    await within(untilAnswered(rig.client), WAIT_MS, "the client to recover");
  });

  it("silence: connections stay and nothing is answered until pass", async () => {
    await using rig = await connect();
    await insert(rig.client, ++ids); // Prepares it.
    rig.proxy.silence();
    const id = ++ids;
    await assertRejects(() => insert(rig.client, id, TIMED_OUT), Error, "did not reply before timeout");
    assertEquals(rig.client.getState().getOpenConnections(rig.host()), 1);
    rig.proxy.pass();
    await within(untilAnswered(rig.client), WAIT_MS, "the client to be answered");
    assertEquals(await read(id), undefined);
  });

  it("takes no other version of the protocol, whose frames it could not read", async () => {
    await using proxy = startProxy({ target: cassandraAddress() });
    using connection = await Deno.connect({ hostname: proxy.host, port: proxy.port });
    await connection.write(Uint8Array.of(0x05, 0, 0, 0, 0x01, 0, 0, 0, 0));
    assertEquals(await connection.read(new Uint8Array(1)), null);
  });

  it("cuts the connections of a server that is not there", async () => {
    await using proxy = startProxy({ target: "127.0.0.1:1" });
    const client = new Client({ ...clientThrough(proxy), socketOptions: TIMED_OUT, pooling: NO_HEARTBEAT });
    const error = await assertRejects(() => client.connect(), Error);
    assertStringIncludes(error.message, proxy.address);
    await client.shutdown();
  });

  /** A client with one connection of its own through a proxy of its own. */
  async function connect({ readTimeout = 12_000 }: { readTimeout?: number } = {}) {
    const proxy = startProxy({ target: cassandraAddress() });
    const through = clientThrough(proxy);
    const client = new Client(
      {
        ...through,
        keyspace: keyspace.name,
        policies: {
          ...through.policies,
          reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
        },
        // The driver forgets the timer of the heartbeat of a connection that is cut.
        pooling: { heartBeatInterval: 0 },
        socketOptions: { readTimeout },
      } satisfies ClientOptions,
    );
    endForgottenHosts(client);
    await client.connect();
    return {
      proxy,
      client,
      host: () => hostOf(client, proxy),
      async [Symbol.asyncDispose]() {
        await client.shutdown();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  async function read(id: number): Promise<number | undefined> {
    return (await direct.execute(READ, [id], { prepare: true })).first()?.n;
  }
});

function hostOf(client: Client, proxy: CqlProxy) {
  const host = client.getState().getConnectedHosts().find(({ address }) => address === proxy.address);
  assert(host !== undefined, `expected a connection to ${proxy.address}, found none`);
  return host;
}

function insert(client: Client, id: number, options: { readonly readTimeout?: number } = {}) {
  return client.execute(INSERT, [id, 7], { prepare: true, ...options });
}

async function untilAnswered(client: Client): Promise<void> {
  for (;;) {
    const answer = await client.execute("SELECT n FROM t WHERE id = 1").catch(() => undefined);
    if (answer !== undefined) return;
    await moment(RECONNECT_MS); // A client without connections fails at once.
  }
}
