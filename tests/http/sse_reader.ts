/** An event of a live stream as it arrived. */
export type Told = { readonly id: string; readonly type: string; readonly data: Readonly<Record<string, unknown>> };

export type Opening = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly client?: Deno.HttpClient;
};

/** A client of one live stream, which remembers the last event it has received whole. */
export class SseReader implements AsyncDisposable {
  readonly response: Response;
  lastId: string | undefined;
  /** What was sent beside events: comments and how long to wait before coming back. */
  readonly comments: string[] = [];
  retryMs: number | undefined;
  readonly #abort: AbortController;
  readonly #chunks: ReadableStreamDefaultReader<string>;
  #text = "";
  #told: Told[] = [];

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#chunks = (response.body ?? ReadableStream.from([])).pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(url: string, { headers = {}, client }: Opening = {}): Promise<SseReader> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: { accept: "text/event-stream", ...headers },
      signal: abort.signal,
      ...(client === undefined ? {} : { client }),
    });
    return new SseReader(response, abort);
  }

  /** The next event; undefined when the stream has ended, however that came. */
  async next(): Promise<Told | undefined> {
    while (this.#told.length === 0) {
      const chunk = await this.#read();
      if (chunk === undefined) return undefined;
      this.#take(chunk);
    }
    const told = this.#told.shift();
    this.lastId = told?.id;
    return told;
  }

  async take(count: number): Promise<Told[]> {
    const told: Told[] = [];
    while (told.length < count) {
      const next = await this.next();
      if (next === undefined) throw new Error(`expected ${count} events, found the end after ${told.length}`);
      told.push(next);
    }
    return told;
  }

  /** Resolves at the next comment; events that come before are kept. */
  async nextComment(): Promise<void> {
    const count = this.comments.length;
    while (this.comments.length === count) {
      const chunk = await this.#read();
      if (chunk === undefined) throw new Error("expected a comment, found the end");
      this.#take(chunk);
    }
  }

  /** Goes away, wherever in an event that may be. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#chunks.cancel().catch(() => {});
  }

  async #read(): Promise<string | undefined> {
    try {
      return (await this.#chunks.read()).value;
    } catch {
      return undefined; // The connection broke.
    }
  }

  #take(chunk: string): void {
    const blocks = (this.#text + chunk).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) this.#takeBlock(block);
  }

  #takeBlock(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon);
      if (name === "") this.comments.push(line);
      else if (fields.has(name)) throw new Error(`expected ${name} once in an event, found it twice: ${block}`);
      else fields.set(name, line.slice(colon + 1).replace(/^ /, ""));
    }
    if (fields.has("retry")) this.retryMs = Number(fields.get("retry"));
    const [id, type, data] = ["id", "event", "data"].map((name) => fields.get(name));
    if (id === undefined && type === undefined && data === undefined) return;
    if (id === undefined || type === undefined || data === undefined) {
      throw new Error(`expected id, event and data, found ${block}`);
    }
    this.#told.push({ id, type, data: JSON.parse(data) });
  }
}
