/** What cannot be done, said in one line. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

export type Answered = Readonly<Record<string, unknown>>;

/**
 * The operator's door of a running service: `--url`, or loopback at METRICS_PORT; its token is OPERATOR_TOKEN. Throws a
 * `Refusal` that says what to do where nobody answers, or where the answer is no.
 */
export class Door {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(url: string | undefined) {
    this.#url = (url ?? `http://127.0.0.1:${Deno.env.get("METRICS_PORT") ?? "9090"}`).replace(/\/+$/, "");
    this.#token = Deno.env.get("OPERATOR_TOKEN");
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
    const authorization = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    let response: Response;
    try {
      response = await fetch(this.#url + path, { ...request, headers: { ...headers, ...authorization } });
    } catch {
      throw new Refusal(`Nobody answers at ${this.#url}: start the service, or name its operator's door with --url=`);
    }
    const text = await response.text();
    if (response.ok && response.headers.get("content-type") === "application/json") return JSON.parse(text);
    throw new Refusal(reasonOf(text) ?? `Expected an operator's door at ${this.#url}, found ${response.status}`);
  }
}

/** What a problem document says, if it is one. */
function reasonOf(text: string): string | undefined {
  try {
    const { title, detail, errors = [] } = JSON.parse(text);
    const places = errors.map(({ pointer, detail }: { pointer: string; detail: string }) => `${pointer} ${detail}`);
    return title === undefined ? undefined : [title, ...(detail === undefined ? [] : [detail]), ...places].join(": ");
  } catch {
    return undefined;
  }
}
