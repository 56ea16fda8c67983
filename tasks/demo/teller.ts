export type Request = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly door?: "operator";
};

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
};

/** What a step should show: the status, and in few words what the answer says; throws an `Error` for a wrong answer. */
export type Expected = { readonly status: number; readonly shows: (answer: Answer) => string };

const ANSWER_WITHIN_MS = 30_000;
const LOOK_MS = 50;

/** Makes requests, tells each in one line, and holds the answers against what was expected. */
export class Teller {
  readonly #url: string;
  readonly #operatorUrl: string;
  readonly #say: (line: string) => void;
  #steps = 0;

  /** Without an operator's URL no request is for that door. */
  constructor(url: string, { operatorUrl = url, say }: { operatorUrl?: string; say: (line: string) => void }) {
    this.#url = url.replace(/\/+$/, "");
    this.#operatorUrl = operatorUrl;
    this.#say = say;
  }

  say(line: string): void {
    this.#say(line);
  }

  /** Throws an `Error` that names the step when the service does not answer as expected. */
  async step(words: string, request: Request, { status, shows }: Expected): Promise<Answer> {
    const number = ++this.#steps;
    const answer = await this.send(request);
    const line = `${String(number).padStart(2)}. ${words}: ${spelled(request)}`;
    try {
      if (answer.status !== status) throw new Error(`expected ${status}, found ${spelledAnswer(answer)}`);
      this.#say(`${line} -> ${status} ${shows(answer)}`);
    } catch (error) {
      throw new Error(`The demo failed at step ${line}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    return answer;
  }

  /** The same request twice at the same moment; `shows` gets the answers in order of their statuses. */
  async race(
    words: string,
    request: Request,
    { statuses, shows }: { readonly statuses: readonly [number, number]; readonly shows: (second: Answer) => string },
  ): Promise<void> {
    const line = `${String(++this.#steps).padStart(2)}. ${words}: 2 x ${spelled(request)}`;
    const answers = await Promise.all([this.send(request), this.send(request)]);
    const [first, second] = answers.sort((a, b) => a.status - b.status);
    if (first?.status !== statuses[0] || second?.status !== statuses[1]) {
      const found = answers.map(spelledAnswer).join(" and ");
      throw new Error(`The demo failed at step ${line}: expected ${statuses.join(" and ")}, found ${found}`);
    }
    this.#say(`${line} -> ${statuses.join(" and ")} ${shows(second)}`);
  }

  /** Asks, and asks again, until the answer is as it should be. */
  async until(request: Request, holds: (body: Answer["body"]) => boolean): Promise<void> {
    const began = performance.now();
    while (!holds((await this.send(request)).body)) {
      if (performance.now() - began > ANSWER_WITHIN_MS) throw new Error(`The demo waited for ${spelled(request)}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async send({ method, path, body, headers = {}, door }: Request): Promise<Answer> {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch((door === "operator" ? this.#operatorUrl : this.#url) + path, {
      method,
      headers: { ...json, ...headers },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((cause) => {
      throw new Error(`The demo cannot reach ${this.#url}: ${cause.message}`, { cause });
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {} };
  }
}

function spelled({ method, path, body, headers }: Request): string {
  const said = Object.entries(headers ?? {}).filter(([name]) => name === "Idempotency-Key");
  return [
    method,
    path,
    ...said.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [JSON.stringify(body)]),
  ].join(" ");
}

function spelledAnswer({ status, body }: Answer): string {
  return `${status} ${JSON.stringify(body)}`;
}
