import { Link } from "../../tests/cluster/cql_link.ts";

const HOST = "127.0.0.1";

/** Stands between drivers and one server, and counts whatever is asked: statements, and what keeps a connection. */
export class CountingRelay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  readonly #links = new Set<Link>();
  readonly #serving = new Set<Promise<void>>();
  readonly #counts = new Map<string, number>();
  readonly #accepting: Promise<void>;

  /** `target` is `host:port`. */
  constructor(target: string) {
    const [hostname = "", port = ""] = target.split(":");
    this.#accepting = this.#accept({ hostname, port: Number(port) });
  }

  get address(): string {
    return `${HOST}:${this.#listener.addr.port}`;
  }

  /** Requests so far, by opcode. */
  counts(): ReadonlyMap<string, number> {
    return new Map(this.#counts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const link of this.#links) link.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(target: { readonly hostname: string; readonly port: number }): Promise<void> {
    for await (const client of this.#listener) {
      const link = new Link(client, await Deno.connect(target));
      this.#links.add(link);
      const serving = this.#serve(link).finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    }
  }

  async #serve(link: Link): Promise<void> {
    await link.run({
      onRequest: (frame) => {
        this.#counts.set(frame.opcode, (this.#counts.get(frame.opcode) ?? 0) + 1);
        link.toServer(frame);
      },
      onResponse: (frame) => link.toClient(frame),
    });
    this.#links.delete(link);
  }
}
