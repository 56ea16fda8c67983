import { classpathOf, requireJava } from "./classpath.ts";
import { type CommitlogSync, configurationText, javaArguments, type Paxos } from "./configuration.ts";
import { type Address, answersCql } from "./cql_probe.ts";
import { freePorts, isFree } from "./ports.ts";
import { claimDirectory, type ServerDirectory } from "./server_directory.ts";
import { ServerProcess } from "./server_process.ts";

const HOME = import.meta.dirname ?? ".";
const HOST = "127.0.0.1";
const READY_MS = 120_000;
const PROBE_MS = 1_000;
const POLL_MS = 100;

export type CassandraOptions = {
  /** Where it keeps its data, also after its end. Without it: in the user's cache, until disposed. */
  readonly directory?: string;
  /** A free one when left out. */
  readonly port?: number;
  /** `v2` when left out. */
  readonly paxos?: Paxos;
  /** `batch` when left out: a kill loses nothing that was acknowledged. */
  readonly commitlogSync?: CommitlogSync;
  /** At most, as the JVM writes it; `768m` when left out. */
  readonly heap?: string;
};

/**
 * Starts an Apache Cassandra 5 of one node on loopback, data centre `datacenter1`, and waits until it answers CQL. It
 * ends when disposed, and at the latest with this process, however that ends. Rejects with the end of the server's log
 * when it ends or does not answer in time, and when java or mvn is missing.
 */
export async function startCassandra(options: CassandraOptions = {}): Promise<Cassandra> {
  await requireJava();
  const classpath = await classpathOf(`${HOME}/pom.xml`);
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await claimDirectory(options.directory));
  const [port, storagePort] = choosePorts(options.port);
  const configuration = {
    directory: directory.path,
    host: HOST,
    port,
    storagePort,
    paxos: options.paxos ?? "v2",
    commitlogSync: options.commitlogSync ?? "batch",
    heap: options.heap ?? "768m",
  };
  for (const name of ["logs", "tmp"]) await Deno.mkdir(`${directory.path}/${name}`, { recursive: true });
  const template = await Deno.readTextFile(`${HOME}/cassandra.yaml`);
  await Deno.writeTextFile(`${directory.path}/cassandra.yaml`, configurationText(template, configuration));
  const jvmOptions = await Deno.readTextFile(`${HOME}/jvm.options`);
  const args = javaArguments(jvmOptions, { classpath, home: HOME, configuration });
  const cassandra = await Cassandra.start({ host: HOST, port }, { directory, args });
  stack.move();
  return cassandra;
}

type Launch = { readonly directory: ServerDirectory; readonly args: readonly string[] };

/** A running Cassandra. Disposing of it kills it. */
export class Cassandra implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #launch: Launch;
  #process: ServerProcess;

  static async start(address: Address, launch: Launch): Promise<Cassandra> {
    return new Cassandra(address, { launch, process: await startProcess(address, launch) });
  }

  private constructor({ host, port }: Address, { launch, process }: { launch: Launch; process: ServerProcess }) {
    this.host = host;
    this.port = port;
    this.#launch = launch;
    this.#process = process;
  }

  /** `host:port`, as drivers and the variable CASSANDRA write it. */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  /** Settles when the process that runs now has ended, and all of it was said in the log. */
  get ended(): Promise<void> {
    return this.#process.ended;
  }

  /** The end of what it logged, for a message. */
  logTail(): Promise<string> {
    return this.#process.logTail();
  }

  /** Freezes it: connections stay open and nothing is answered until `resume()`. */
  pause(): void {
    this.#process.signal("SIGSTOP");
  }

  resume(): void {
    this.#process.signal("SIGCONT");
  }

  /** Ends it at once, as a power loss of the process would; `restart()` finds its data. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Kills it if it runs, starts it on the same ports and data, and waits until it answers. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = await startProcess(this, this.#launch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#launch.directory[Symbol.asyncDispose]();
  }
}

async function startProcess(address: Address, { directory, args }: Launch): Promise<ServerProcess> {
  const process = new ServerProcess(directory.path, args);
  try {
    await untilReady(address, process);
    return process;
  } catch (error) {
    await process.kill();
    throw error;
  }
}

async function untilReady(address: Address, process: ServerProcess): Promise<void> {
  const started = performance.now();
  while (performance.now() - started < READY_MS) {
    if (await answersCql(address, PROBE_MS)) return;
    if (!process.isRunning) {
      throw new Error(`expected Cassandra to start, found that it ended:\n${await process.logTail()}`);
    }
    await atMost(process.ended, POLL_MS);
  }
  const found = `found no answer on ${address.host}:${address.port}`;
  throw new Error(`expected Cassandra to be ready in ${READY_MS / 1000} s, ${found}:\n${await process.logTail()}`);
}

function choosePorts(given: number | undefined): readonly [port: number, storagePort: number] {
  if (given !== undefined && !isFree(HOST, given)) {
    throw new Error(`expected port ${given} to be free, found a listener on it; end that or name another port`);
  }
  const [first = 0, second = 0] = freePorts(HOST, 2);
  return [given ?? first, second];
}

/** Waits for the work, but no longer than this. */
async function atMost(work: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}
