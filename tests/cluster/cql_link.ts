import { type Frame, FrameSplitter } from "./cql_frames.ts";
import type { Action } from "./cql_rules.ts";

const BUFFER_BYTES = 64 * 1024;

/** What is known of a request that is not answered yet. */
export type Open = { readonly action: Action | undefined; readonly statements: readonly string[] };

/** A driver's connection to the proxy and the proxy's own to the server; they live and die together. */
export class Link {
  readonly open = new Map<number, Open>();
  readonly #client: Connection;
  readonly #server: Connection;

  constructor(client: Deno.TcpConn, server: Deno.TcpConn) {
    this.#client = new Connection(client);
    this.#server = new Connection(server);
  }

  /** Gives every frame to the one of these that it is for, until either side ends the connection. */
  async run(
    { onRequest, onResponse }: { onRequest: (frame: Frame) => void; onResponse: (frame: Frame) => void },
  ): Promise<void> {
    const ended = [this.#client.read(onRequest), this.#server.read(onResponse)];
    await Promise.race(ended);
    this.close();
    await Promise.all(ended);
  }

  toServer({ bytes }: Frame): void {
    this.#server.write(bytes);
  }

  toClient({ bytes }: Frame): void {
    this.#client.write(bytes);
  }

  close(): void {
    this.#client.close();
    this.#server.close();
  }
}

class Connection {
  readonly #connection: Deno.TcpConn;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  async read(take: (frame: Frame) => void): Promise<void> {
    const splitter = new FrameSplitter();
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const length = await this.#attempt(() => this.#connection.read(buffer));
      if (length === null) break;
      for (const frame of splitter.push(buffer.subarray(0, length))) take(frame);
    }
    await this.#writing;
  }

  /** One after the other, each whole. */
  write(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length;) {
        const length = await this.#attempt(() => this.#connection.write(bytes.subarray(at)));
        if (length === null) return;
        at += length;
      }
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  /** Null once the connection is over, from this side or the other. */
  async #attempt(operation: () => Promise<number | null>): Promise<number | null> {
    if (this.#isClosed) return null;
    try {
      return await operation();
    } catch {
      this.close();
      return null;
    }
  }
}
