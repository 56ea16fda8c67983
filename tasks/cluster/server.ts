import { startCassandra } from "../../tests/cluster/cassandra/cassandra.ts";
import { startKafka } from "../../tests/cluster/kafka/kafka.ts";
import type { JavaServer } from "../../tests/cluster/servers/java_server.ts";

/** What the tests run on. */
export type Server = AsyncDisposable & {
  readonly name: string;
  /** Hosts that clients of it go to; undefined when only the server knows all of them. */
  readonly hosts: readonly string[] | undefined;
  /** What tells tests of it. */
  environment(): Record<string, string>;
  /** Makes it as a test expects it, whatever the one before did to it. */
  mend(): Promise<void>;
  /** The end of its log when it is dead. */
  obituary(): Promise<string | undefined>;
};

type Address = { readonly host: string; readonly port: number };

/** An IP, for the permission to reach the server is given by IP. */
export function parseAddress(option: string, text: string): Address {
  const [, host = "", port = ""] = /^(localhost|\d+(?:\.\d+){3}):(\d{1,5})$/.exec(text) ?? [];
  if (host === "") throw new Error(`Cannot use --${option}=${text}: expected IP:PORT`);
  return { host: host === "localhost" ? "127.0.0.1" : host, port: Number(port) };
}

/** A ScyllaDB or Cassandra that somebody else runs: nothing here pauses or kills it. */
export function scyllaAt({ host, port }: Address): Server {
  return someoneElses(`ScyllaDB at ${host}:${port}`, {
    hosts: [host],
    environment: { CASSANDRA: `${host}:${port}` },
  });
}

/** A Redpanda or Kafka that somebody else runs; its clients go where it tells them to. */
export function redpandaAt({ host, port }: Address): Server {
  return someoneElses(`Redpanda at ${host}:${port}`, { hosts: undefined, environment: { KAFKA: `${host}:${port}` } });
}

export function startOwnCassandra(): Promise<Server> {
  return startOwn("CASSANDRA", startCassandra);
}

export function startOwnKafka(): Promise<Server> {
  return startOwn("KAFKA", startKafka);
}

/** All of them at once, as one; those that started are ended when another does not. */
export async function startTogether(starts: readonly (() => Promise<Server>)[]): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const results = await Promise.allSettled(starts.map((start) => start()));
  const servers = results.flatMap((result) => result.status === "fulfilled" ? [stack.use(result.value)] : []);
  const failures = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  const messages = failures.map((reason) => reason instanceof Error ? reason.message : String(reason));
  if (messages.length > 0) throw new Error(messages.join("\n"), { cause: failures[0] });
  const hosts = servers.map((server) => server.hosts);
  const owned = stack.move();
  return {
    name: servers.map(({ name }) => name).join(" and "),
    hosts: hosts.includes(undefined) ? undefined : hosts.flatMap((some) => some ?? []),
    environment: () => Object.assign({}, ...servers.map((server) => server.environment())),
    mend: async () => void await Promise.all(servers.map((server) => server.mend())),
    obituary: async () => {
      const texts = await Promise.all(servers.map((server) => server.obituary()));
      return texts.filter((text) => text !== undefined).join("\n") || undefined;
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

async function startOwn(variable: string, start: () => Promise<JavaServer>): Promise<Server> {
  const started = performance.now();
  const server = await start();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return {
    name: `${server.name} (ready in ${seconds} s)`,
    hosts: [server.host],
    environment: () => ({ [variable]: server.address, [`${variable}_PID`]: String(server.pid) }),
    mend: () => mend(server),
    obituary: async () => server.isRunning ? undefined : `${server.name} is dead:\n${await server.logTail()}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function someoneElses(
  name: string,
  { hosts, environment }: Pick<Server, "hosts"> & { readonly environment: Record<string, string> },
): Server {
  return {
    name,
    hosts,
    environment: () => environment,
    mend: async () => {},
    obituary: async () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}

async function mend(server: JavaServer): Promise<void> {
  if (server.isRunning) server.resume();
  else await server.restart();
}
