import { classpathOf, requireJava, type Requirements } from "./classpath.ts";
import { freePorts, isFree } from "./ports.ts";
import type { Address } from "./probe.ts";
import { claimDirectory, type ServerDirectory } from "./server_directory.ts";
import { ServerProcess } from "./server_process.ts";

const HOST = "127.0.0.1";
const READY_MS = 120_000;
const PROBE_MS = 1_000;
const POLL_MS = 100;

/** What can be started: a server in Java, of Maven Central. */
export type ServerKind = Requirements & {
  /** Files that it writes to its directory's `logs`. */
  readonly logs: readonly string[];
  /** Whether it answers its protocol there within so many milliseconds. */
  answers(address: Address, withinMs: number): Promise<boolean>;
};

export type ServerOptions = {
  /** Where it keeps its data, also after its end. Without it: in the user's cache, until disposed. */
  readonly directory?: string;
  /** A free one when left out. */
  readonly port?: number;
};

export type Place = {
  /** An absolute path; `logs` and `tmp` are there. */
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  /** For what the server has to say to itself. */
  readonly innerPort: number;
  readonly classpath: string;
};

/**
 * Starts a server of one node on loopback and waits until it answers. `prepare` writes its configuration and gives the
 * arguments of `java`. The server ends when disposed, and at the latest with this process, however that ends. Rejects
 * with the end of its log when it ends or does not answer in time, and when java or mvn is missing.
 */
export async function startJavaServer(
  kind: ServerKind,
  { directory: given, port: wanted, prepare }: ServerOptions & { prepare(place: Place): Promise<readonly string[]> },
): Promise<JavaServer> {
  await requireJava(kind);
  const classpath = await classpathOf(kind);
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await claimDirectory(kind.folder, { given }));
  const [port, innerPort] = choosePorts(wanted);
  for (const name of ["logs", "tmp"]) await Deno.mkdir(`${directory.path}/${name}`, { recursive: true });
  const args = await prepare({ directory: directory.path, host: HOST, port, innerPort, classpath });
  const server = await JavaServer.start({ host: HOST, port }, { kind, directory, args });
  stack.move();
  return server;
}

type Launch = { readonly kind: ServerKind; readonly directory: ServerDirectory; readonly args: readonly string[] };

/** A running server. Disposing of it kills it. */
export class JavaServer implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #launch: Launch;
  #process: ServerProcess;

  static async start(address: Address, launch: Launch): Promise<JavaServer> {
    return new JavaServer(address, { launch, process: await startProcess(address, launch) });
  }

  private constructor({ host, port }: Address, { launch, process }: { launch: Launch; process: ServerProcess }) {
    this.host = host;
    this.port = port;
    this.#launch = launch;
    this.#process = process;
  }

  get name(): string {
    return this.#launch.kind.name;
  }

  /** `host:port`, as clients and the variables of tests write it. */
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

async function startProcess(address: Address, { kind, directory, args }: Launch): Promise<ServerProcess> {
  const process = new ServerProcess(directory.path, { name: kind.name, args, logs: kind.logs });
  try {
    await untilReady(address, { kind, process });
    return process;
  } catch (error) {
    await process.kill();
    throw error;
  }
}

async function untilReady(
  address: Address,
  { kind, process }: { readonly kind: ServerKind; readonly process: ServerProcess },
): Promise<void> {
  const started = performance.now();
  while (performance.now() - started < READY_MS) {
    if (await kind.answers(address, PROBE_MS)) return;
    if (!process.isRunning) {
      throw new Error(`expected ${kind.name} to start, found that it ended:\n${await process.logTail()}`);
    }
    await atMost(process.ended, POLL_MS);
  }
  const found = `found no answer on ${address.host}:${address.port}`;
  throw new Error(`expected ${kind.name} to be ready in ${READY_MS / 1000} s, ${found}:\n${await process.logTail()}`);
}

function choosePorts(given: number | undefined): readonly [port: number, innerPort: number] {
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
