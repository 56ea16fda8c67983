import deno from "../deno.json" with { type: "json" };

export type ChildOptions = {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What it prints on standard output once it is ready. */
  readonly ready: RegExp;
};

/** Of the surroundings, what a program needs to be found and run, and nothing that configures a service. */
const SURROUNDINGS = /^(PATH|HOME|USER|LANG|TMPDIR|(XDG|DENO|NPM)_.*)$/;

/** A Deno program that runs beside this one and is ready. Disposing of it asks it to end, and waits for that. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  /** The match of `ready`. */
  readonly printed: RegExpExecArray;
  readonly exited: Promise<void>;
  readonly #process: Deno.ChildProcess;

  /** Throws an `Error` with what it printed when it ends before it is ready. */
  static async start({ args, environment = {}, ready }: ChildOptions): Promise<Child> {
    const process = new Deno.Command("deno", {
      args: [...args],
      env: { ...surroundings(), ...environment },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = new Output();
    const read = Promise.all([output.take(process.stdout), output.take(process.stderr)]);
    const exited = Promise.all([process.status, read]).then(() => {});
    const printed = await Promise.race([output.match(ready), exited]);
    if (printed !== undefined) return new Child(process, { printed, exited });
    throw new Error(`expected ${args.at(-1)} to get ready, found that it ended:\n${output.text}`);
  }

  private constructor(
    process: Deno.ChildProcess,
    { printed, exited }: { printed: RegExpExecArray; exited: Promise<void> },
  ) {
    this.pid = process.pid;
    this.printed = printed;
    this.exited = exited;
    this.#process = process;
  }

  async end(): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended.
    }
    await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/** The engine's settings that the service runs with, for programs that are compared with it. */
export const V8_FLAGS: readonly string[] = argsOf("start").filter((arg) => arg.startsWith("--v8-flags="));

/** Nobody else is served, and nobody has to be told that it stops. */
const ALONE = { HOST: "127.0.0.1", PORT: "0", METRICS_PORT: "0", DRAIN_MS: "0" };

export type Service = Child & { readonly url: string; readonly operatorUrl: string };

export type ServiceOptions = {
  /** For Deno, beside those of the task. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `start` when left out. */
  readonly task?: "start" | "start:cluster";
  /** A program that puts the service together otherwise; `main.ts` when left out. */
  readonly main?: string;
};

/** Starts the service by the flags of its task, on free ports of loopback and on a directory below `data/`. */
export async function startService(
  directory: string,
  { flags = [], environment = {}, task = "start", main = "main.ts" }: ServiceOptions = {},
): Promise<Service> {
  const child = await Child.start({
    args: ["run", ...flags, ...argsOf(task).slice(0, -1), main],
    environment: { ...ALONE, DATA_DIR: directory, ...environment },
    ready: /service +(http:\S+)\n +operators +(http:\S+)\/metrics\n/,
  });
  const [, url = "", operatorUrl = ""] = child.printed;
  return Object.assign(child, { url, operatorUrl });
}

/** A directory below `data/`, where the service may write; removed when disposed. */
export async function scratchDirectory(prefix: string) {
  await Deno.mkdir("data", { recursive: true });
  const made = await Deno.makeTempDir({ dir: "data", prefix: `${prefix}-` });
  const path = `data/${made.split("/").at(-1)}`;
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Of `deno run`. */
function argsOf(task: "start" | "start:cluster"): readonly string[] {
  return deno.tasks[task].command.split(" ").slice(2);
}

function surroundings(): Record<string, string> {
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => SURROUNDINGS.test(name)));
}

const KEPT_CHARACTERS = 20_000;

/** The last of what was printed, and who waits for a part of it. */
class Output {
  text = "";
  #waiting: { readonly pattern: RegExp; readonly resolve: (match: RegExpExecArray) => void } | undefined;

  async take(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.text = (this.text + chunk).slice(-KEPT_CHARACTERS);
      const match = this.#waiting?.pattern.exec(this.text);
      if (!match) continue;
      this.#waiting?.resolve(match);
      this.#waiting = undefined;
    }
  }

  match(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => this.#waiting = { pattern, resolve });
  }
}
