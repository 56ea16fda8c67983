/** What cannot be done, said in one line. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

export type Answered = Readonly<Record<string, unknown>>;

const ANSWER_MS = 30_000;

/**
 * The operator's door of a running service: `--url`, or loopback at METRICS_PORT; its token is OPERATOR_TOKEN. Throws a
 * `Refusal` that says what to do where nobody answers within half a minute, or where the answer is no.
 */
export class Door {
  readonly #url: string;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #answerMs: number;

  constructor(
    url = `http://127.0.0.1:${Deno.env.get("METRICS_PORT") ?? "9090"}`,
    { token = Deno.env.get("OPERATOR_TOKEN"), answerMs = ANSWER_MS }: { token?: string; answerMs?: number } = {},
  ) {
    this.#url = readUrl(url);
    this.#authorization = token === undefined ? {} : { authorization: `Bearer ${readToken(token)}` };
    this.#answerMs = answerMs;
  }

  get(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<Answered> {
    const given = Object.entries(query).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]);
    return this.#ask(`${path}?${new URLSearchParams(given)}`, {});
  }

  post(path: string, body: Readonly<Record<string, unknown>>): Promise<Answered> {
    const headers = { "content-type": "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async #ask(path: string, { headers = {}, ...request }: RequestInit & { headers?: Record<string, string> }) {
    const { response, text } = await this.#read(path, {
      ...request,
      headers: { ...headers, ...this.#authorization },
      signal: AbortSignal.timeout(this.#answerMs),
    });
    if (response.ok && response.headers.get("content-type") === "application/json") return JSON.parse(text);
    const reason = reasonOf(text) ??
      `Expected an operator's door at ${this.#url}, found ${response.status}; name it with --url=`;
    throw new Refusal(response.status === 401 ? `${reason}; set OPERATOR_TOKEN to the token of that door` : reason);
  }

  async #read(path: string, request: RequestInit) {
    try {
      const response = await fetch(this.#url + path, request);
      return { response, text: await response.text() };
    } catch (cause) {
      const advice = "start the service, or name its operator's door with --url=";
      throw new Refusal(`Nobody answers at ${this.#url} (${whyOf(cause)}); ${advice}`, { cause });
    }
  }
}

function readUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return text.replace(/\/+$/, "");
  throw new Refusal(`expected --url= like http://127.0.0.1:9090, found "${text}"`);
}

/** What a header cannot carry would be told with the whole token. */
function readToken(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new Refusal("expected OPERATOR_TOKEN in visible ASCII characters on one line, found others, or none");
}

/** What it comes from: `fetch` itself says only that it failed. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : whyOf(error.cause);
}

/** What a problem document says, if it is one; a 404 without a detail is of a door that has no such path. */
function reasonOf(text: string): string | undefined {
  try {
    const { status, title, detail, errors = [] } = JSON.parse(text);
    if (status === 404 && detail === undefined) return undefined;
    const places = errors.map(({ pointer, detail }: { pointer: string; detail: string }) => `${pointer} ${detail}`);
    return title === undefined ? undefined : [title, ...(detail === undefined ? [] : [detail]), ...places].join(": ");
  } catch {
    return undefined;
  }
}
