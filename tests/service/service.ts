import { assert, assertEquals } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { type Exit, Program } from "./program.ts";
import { within } from "../contract/surroundings.ts";

export type Options = {
  /** Where the service keeps its files, in `store/` of it. */
  readonly directory: string;
  readonly modules?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** What a shell does before it becomes the service. */
  readonly prelude?: string;
  /** `mount`: what the prelude mounts is seen by the service alone. Root only. */
  readonly namespace?: "mount";
  /** Instead of `start`. */
  readonly task?: "dev" | "start:cluster";
};

export type Sending = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly door?: "public" | "operator";
};

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
};

const ANSWER_MS = 40_000;

/** The service as a process of its own, ready to answer. Disposing of it kills it. */
export class Service implements AsyncDisposable {
  readonly program: Program;
  readonly url: string;
  readonly operatorUrl: string;
  readonly #client = Deno.createHttpClient({});

  constructor(program: Program, { url, operatorUrl }: { url: string; operatorUrl: string }) {
    this.program = program;
    this.url = url;
    this.operatorUrl = operatorUrl;
  }

  get(path: string, sending: Sending = {}): Promise<Answer> {
    return this.send(path, { method: "GET", ...sending });
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send(path, { method: "POST", body, headers });
  }

  async send(path: string, { method = "GET", headers = {}, body, door = "public" }: Sending): Promise<Answer> {
    const url = (door === "public" ? this.url : this.operatorUrl) + path;
    const given = body === undefined ? { headers } : {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    };
    const answering = fetch(url, { method, client: this.#client, ...given }).then(read);
    return await within(answering, ANSWER_MS, `an answer to ${method} ${url}`);
  }

  /** Sends the signal and gives how the process ended. */
  async end(signal: Deno.Signal): Promise<Exit> {
    this.program.kill(signal);
    return await within(this.program.exited, 15_000, `the service to end on ${signal}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.close();
  }

  /** Closes the connections to it; the process goes on. */
  close(): void {
    this.#client.close();
  }
}

/** Starts the service by the very flags of the task; rejects with all it printed when it ends before it is ready. */
export async function startService(options: Options): Promise<Service> {
  const program = launch(options);
  try {
    return await whenReady(program);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** The service once it has printed its URLs, after so many characters of other output. */
export async function whenReady(program: Program, from = 0): Promise<Service> {
  const [, url = "", operatorUrl = ""] = await program.whenPrinted(WELCOME, from);
  return new Service(program, { url, operatorUrl });
}

const WELCOME = /Annals is ready\.\n +service +(http:\S+)\n +operators +(http:\S+)\/metrics\n[^]*\n +curl http:\S+\n\n/;

/** The process, whether it comes up or not. */
export function launch({ directory, modules, environment = {}, prelude, namespace, task }: Options): Program {
  const variables = {
    ...surroundings(),
    HOST: "127.0.0.1",
    PORT: "0",
    METRICS_PORT: "0",
    DRAIN_MS: "0",
    DATA_DIR: `${directory}/store`,
    ...(modules === undefined ? {} : { MODULES_DIR: modules }),
    ...environment,
  };
  const [command = "", ...args] = deno.tasks[task ?? "start"].command
    .replace(/^DRAIN_MS=0 /, "").replace("--watch=modules", `--watch=${modules}`).split(" ");
  assertEquals([command, args.at(-1)], ["deno", "main.ts"]);
  if (prelude === undefined) return new Program(command, { args, environment: variables });
  const script = `${prelude}; exec ${[command, ...args].join(" ")}`;
  const shell = namespace === undefined ? "sh" : "unshare --mount sh";
  return new Program("sh", { args: ["-c", `exec ${shell} -c "$0"`, script], environment: variables });
}

/** Runs the service to an end that is expected to come by itself. */
export async function runService(options: Options): Promise<Exit> {
  await using program = launch(options);
  return await within(program.exited, 20_000, "the service to end by itself");
}

/** This process's environment without what configures a service. */
export function surroundings(): Record<string, string> {
  const names = "PORT|HOST|AUTH|DRAIN_MS|WATCHDOG_SECONDS|LIVE_CACHE_BYTES|LOG_LEVEL|ROLES|EVENT_SOURCE|" +
    "REDPANDA_BROKERS|TRUSTED_PROXIES|RETRY_POLICY|BREAKER_MS";
  const families = "(SCYLLA|KAFKA|WEBHOOK|JWT|JWKS|OPERATOR|METRICS|CORS)_.*|(DATA|MODULES)_DIR|.*_LIMIT.*";
  const configured = new RegExp(`^(${names}|${families})$`);
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => !configured.test(name)));
}

/** A directory under the project's data directory, where the tasks may write; removed when disposed. */
export async function temporaryDirectory() {
  await Deno.mkdir("data", { recursive: true });
  const path = await Deno.makeTempDir({ dir: "data", prefix: "test-" });
  const [found = path] = /data\/[^/]+$/.exec(path) ?? [];
  return { path: found, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Holds the answer against the problem it should be. */
export function assertProblem(answer: Answer, status: number, code: string): void {
  assertEquals([answer.status, answer.body.type], [status, `/problems/${code}`], answer.text);
}

export function assertStatus(answer: Answer, status: number): Answer {
  assertEquals(answer.status, status, answer.text);
  return answer;
}

/** The header's value; fails without it. */
export function header({ headers, text }: Answer, name: string): string {
  const value = headers.get(name);
  assert(value !== null, `expected the header ${name}, found none beside ${text}`);
  return value;
}

/** The headers of a read that sees the write whose answer this is. */
export function seeing(answer: Answer): Record<string, string> {
  return { "consistency-token": header(answer, "consistency-token"), prefer: "wait=30" };
}

async function read(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json/.test(headers.get("content-type") ?? "");
  return { status, headers, text, body: isJson && text !== "" ? JSON.parse(text) : {} };
}
