import { assertLess } from "@std/assert";
import { within } from "../contract/surroundings.ts";

/** A slow machine may take most of it to start a server in Java, or several services on an empty keyspace. */
const PRINTED_MS = 120_000;
/** What every stop is promised, at most. */
const STOP_MS = 10_000;

/** A child process whose output is kept, ended with its own pid when disposed. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  /** Settles when the process has ended and all it printed was read. */
  readonly exited: Promise<Exit>;
  readonly #child: Deno.ChildProcess;
  readonly #stdout = new Printed();
  readonly #stderr = new Printed();

  constructor(command: string, { args, environment = {}, stdin = "null" }: ProgramOptions) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env: { ...environment },
      clearEnv: true,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.exited = this.#untilExit();
    this.exited.catch(() => {});
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** The first match on standard output, past `from` there, or on standard error; rejects when the process ends. */
  async whenPrinted(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const found = Promise.any([this.#stdout.match(pattern, from), this.#stderr.match(pattern)]);
    try {
      return await within(found, PRINTED_MS, `${pattern} to be printed`);
    } catch (error) {
      throw new Error(`expected ${pattern} to be printed, found:\n${this.stdout}\n${this.stderr}`, { cause: error });
    }
  }

  async answer(line: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    await writer.close();
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Of a process that may have ended. */
  killIfAlive(signal: Deno.Signal): void {
    try {
      this.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.killIfAlive("SIGKILL");
    await this.exited;
  }

  async #untilExit(): Promise<Exit> {
    const [{ code, signal }] = await Promise.all([
      this.#child.status,
      this.#stdout.readFrom(this.#child.stdout),
      this.#stderr.readFrom(this.#child.stderr),
    ]);
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }
}

export type ProgramOptions = {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: "null" | "piped";
};

export type Exit = {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs a program to its end, at most for half a minute. */
export async function run(command: string, options: ProgramOptions): Promise<Exit> {
  await using program = new Program(command, options);
  return await within(program.exited, 30_000, `${command} ${options.args.join(" ")} to end`);
}

/** How the process ended; fails unless that was in time. */
export async function timed(exiting: Promise<Exit>): Promise<Exit> {
  const startedMs = performance.now();
  const exit = await within(exiting, STOP_MS, "the service to stop");
  assertLess(performance.now() - startedMs, STOP_MS);
  return exit;
}

/** A moment to strike at; never a wait for something to have happened. */
export function moment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A moment to strike at, if what is struck has not come to its end before. */
export async function momentOrEnd(ms: number, end: Promise<unknown>): Promise<void> {
  const due = Promise.withResolvers<void>();
  const timer = setTimeout(due.resolve, ms);
  try {
    await Promise.race([due.promise, end]);
  } finally {
    clearTimeout(timer);
  }
}

/** What came out of one stream so far. */
class Printed {
  text = "";
  #ended = false;
  #more = Promise.withResolvers<void>();

  async readFrom(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.text += chunk;
      this.#ring();
    }
    this.#ended = true;
    this.#ring();
  }

  async match(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text.slice(from));
      if (found !== null) return found;
      if (this.#ended) throw new Error("the process ended");
      await this.#more.promise;
    }
  }

  #ring(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}
