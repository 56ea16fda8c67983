import { type ClientOptions, policies } from "cassandra-driver";
import { freePorts } from "./servers/ports.ts";
import type { Frame } from "./cql_frames.ts";
import { Link } from "./cql_link.ts";
import { type Opcode, Rules, type Which } from "./cql_rules.ts";
import { Statements } from "./cql_statements.ts";

export type { Opcode, Which } from "./cql_rules.ts";

const HOST = "127.0.0.1";

/** Requests that wait in the proxy. */
export type Held = {
  /** Settles when the first of them has come. */
  readonly arrived: Promise<void>;
  /** Sends them on, and lets later ones pass. */
  release(): void;
};

/** Stands between drivers and the server at `target`, `host:port`, and passes everything on until told otherwise. */
export function startProxy({ target }: { readonly target: string }): CqlProxy {
  const [hostname = "", port = ""] = target.split(":");
  return new CqlProxy({ hostname, port: Number(port) });
}

/** Options of a driver that talks to nothing but the proxy: the servers it hears of have the proxy's address. */
export function clientThrough({ address }: CqlProxy) {
  const translate = (_address: string, _port: number, callback: (endpoint: string) => void) => callback(address);
  return {
    contactPoints: [address],
    localDataCenter: "datacenter1",
    policies: { addressResolution: Object.assign(policies.defaultAddressTranslator(), { translate }) },
    protocolOptions: { maxVersion: 4 },
    // A change of the schema that is heard of during a shutdown would outlive it, with a delay.
    refreshSchemaDelay: 0,
  } satisfies ClientOptions;
}

/** A proxy of CQL version 4 with rules; the first rule that is for a request holds. */
export class CqlProxy implements AsyncDisposable {
  readonly host = HOST;
  readonly port: number;
  readonly #target: Deno.ConnectOptions & { hostname: string };
  readonly #links = new Set<Link>();
  readonly #rules = new Rules();
  readonly #statements = new Statements();
  readonly #counts = new Map<string, number>();
  /** What ends the waiting of requests. */
  readonly #waiting = new Set<() => void>();
  readonly #serving = new Set<Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  #isSilent = false;

  constructor(target: Deno.ConnectOptions & { hostname: string }) {
    this.#target = target;
    [this.port = 0] = freePorts(HOST, 1);
    this.#listen();
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** How many requests have come, whatever became of them. */
  requests(opcode: Opcode): number {
    return this.#counts.get(opcode) ?? 0;
  }

  /** The requests reach the server and are carried out; their answers never come. */
  dropResponses(which: Which): void {
    this.#rules.add(which, { type: "drop_response" });
  }

  /** The requests never reach the server. */
  dropRequests(which: Which): void {
    this.#rules.add(which, { type: "drop_request" });
  }

  /** The requests are carried out, and in place of each answer its connection is cut. */
  cutResponses(which: Which): void {
    this.#rules.add(which, { type: "cut_response" });
  }

  /** The requests reach the server so much later; others overtake them. */
  delayRequests({ ms, ...which }: Which & { readonly ms: number }): void {
    this.#rules.add(which, { type: "wait", wait: () => this.#pause(ms) });
  }

  /** The requests wait until they are released; others overtake them. */
  holdRequests(which: Which): Held {
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#waiting.add(released.resolve);
    const wait = () => {
      arrived.resolve();
      return released.promise;
    };
    this.#rules.add(which, { type: "wait", wait });
    return { arrived: arrived.promise, release: released.resolve };
  }

  /** Cuts every connection; new ones are taken. */
  cut(): void {
    for (const link of this.#links) link.close();
  }

  /** As a server that is down: cuts every connection and takes no new one. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
    this.cut();
  }

  /** As a server that hangs: connections stay, and what comes from either side is lost. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Back to normal: no rules any more, and what waits goes on. */
  pass(): void {
    this.#isSilent = false;
    this.#listen();
    this.#rules.clear();
    for (const goOn of this.#waiting) goOn();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    for (const goOn of this.#waiting) goOn();
    await Promise.all(this.#serving);
  }

  #listen(): void {
    if (this.#listener !== undefined) return;
    this.#listener = Deno.listen({ hostname: HOST, port: this.port });
    this.#track(this.#accept(this.#listener));
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const client of listener) this.#track(this.#serve(client, listener));
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#serving.delete(tracked));
    this.#serving.add(tracked);
  }

  async #serve(client: Deno.TcpConn, listener: Deno.TcpListener): Promise<void> {
    const server = await Deno.connect(this.#target).catch(() => undefined);
    if (server === undefined) return client.close();
    const link = new Link(client, server);
    if (this.#listener !== listener) return link.close(); // Refused in the meantime.
    this.#links.add(link);
    await link.run({
      onRequest: (frame) => this.#request(link, frame),
      onResponse: (frame) => this.#response(link, frame),
    });
    this.#links.delete(link);
  }

  #request(link: Link, frame: Frame): void {
    if (frame.version !== 4 && frame.opcode === "STARTUP") {
      console.error(`expected CQL version 4, found ${frame.version}; use the options of clientThrough`);
      return link.close();
    }
    this.#counts.set(frame.opcode, (this.#counts.get(frame.opcode) ?? 0) + 1);
    if (this.#isSilent) return;
    const statements = this.#statements.of(frame);
    const action = this.#rules.take(frame, statements);
    if (action?.type === "drop_request") return;
    link.open.set(frame.stream, { action, statements });
    if (action?.type === "wait") action.wait().then(() => link.toServer(frame));
    else link.toServer(frame);
  }

  #response(link: Link, frame: Frame): void {
    if (this.#isSilent) return;
    const request = link.open.get(frame.stream);
    link.open.delete(frame.stream);
    if (frame.opcode === "RESULT") this.#statements.learn(request?.statements[0] ?? "", frame);
    if (request?.action?.type === "cut_response") link.close();
    else if (request?.action?.type !== "drop_response") link.toClient(frame);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const goOn = () => {
        clearTimeout(timer);
        this.#waiting.delete(goOn);
        resolve();
      };
      const timer = setTimeout(goOn, ms);
      this.#waiting.add(goOn);
    });
  }
}
