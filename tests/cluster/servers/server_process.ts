import { FIND_JAVA } from "./classpath.ts";
import { argumentOf, IS_SERVER_OF } from "./server_directory.ts";

const TAIL_LINES = 40;
/**
 * Becomes the server of the directory `$0`. The companion it leaves behind ends the server when standard input closes:
 * the runner holds the other end, so that happens however the runner dies.
 */
const BECOME_SERVER = `${IS_SERVER_OF}
echo $$ >"$0/server.pid"
exec 3<&0 </dev/null
{
  cat <&3
  if is_server_of "$0" $$; then kill -KILL $$; fi
} >/dev/null 2>&1 &
${FIND_JAVA}
exec "$java" "$@" 3<&- >"$0/logs/stdout.log" 2>&1`;

export type Program = {
  /** As messages call it. */
  readonly name: string;
  /** Of `java`. */
  readonly args: readonly string[];
  /** Files of the directory's `logs`, beside its own of what was printed. */
  readonly logs: readonly string[];
};

/** The process of a server. It ends with this one, however this one ends. */
export class ServerProcess {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly #directory: string;
  readonly #program: Program;
  readonly #process: Deno.ChildProcess;
  #isRunning = true;

  constructor(directory: string, program: Program) {
    this.#directory = directory;
    this.#program = program;
    this.#process = new Deno.Command("sh", {
      args: ["-c", BECOME_SERVER, directory, argumentOf(directory), ...program.args],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.pid = this.#process.pid;
    this.ended = this.#untilEnd();
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (!this.#isRunning) {
      throw new Error(`Cannot send ${signal} to ${this.#program.name}: it has ended; call restart() first`);
    }
    this.#process.kill(signal);
  }

  /** Ends it at once; does nothing when it has ended. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended.
    }
    await this.ended;
  }

  async logTail(): Promise<string> {
    const texts = await Promise.all(["stdout.log", ...this.#program.logs].map((name) => this.#tailOf(name)));
    return texts.join("");
  }

  async #tailOf(name: string): Promise<string> {
    const path = `${this.#directory}/logs/${name}`;
    const text = await Deno.readTextFile(path).catch((error: unknown) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    return `--- the end of ${path}\n${text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n")}\n`;
  }

  async #untilEnd(): Promise<void> {
    await this.#process.status;
    this.#isRunning = false;
    await this.#process.stdin.close(); // Lets the companion go.
  }
}
