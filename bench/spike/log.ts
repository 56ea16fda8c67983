// The main thread's side: appends collected into groups, documents collected into batches.
import { LRUCache } from "lru-cache";
import type { EventsDb } from "./events_db.ts";
import { required } from "./required.ts";
import { type Append, CONFLICT, encode, type Row, type Shape } from "./shape.ts";
import type { ViewsDb } from "./views_db.ts";
import type { Check, Reply, Start } from "./worker.ts";

export async function startWorker(message: Start): Promise<Worker> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => reject(new Error(event.message));
  });
  worker.postMessage(message);
  await ready;
  return worker;
}

export class Log {
  groups = 0;
  appends = 0;
  conflicts = 0;
  #waiting: Append[] = [];
  #resolvers: ((first: number) => void)[] = [];
  #flying: ((first: number) => void)[] | undefined;
  #scheduled = false;
  #check?: (found: Check) => void;

  constructor(private shape: Shape, private owner: EventsDb | Worker) {
    if (!(owner instanceof Worker)) return;
    owner.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if (data.outcomes) this.#settle(data.outcomes);
      if (data.check) this.#check?.(data.check);
    });
    owner.onmessage = null;
  }

  append(type: string, id: string, expected: number, rows: Row[]): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.push([type, id, expected, rows]);
    this.#resolvers.push(resolve);
    if (!this.#flying && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    }
    return promise;
  }

  #flush(): void {
    this.#scheduled = false;
    const group = this.#waiting;
    this.#flying = this.#resolvers;
    this.#waiting = [];
    this.#resolvers = [];
    if (this.owner instanceof Worker) this.owner.postMessage({ group: encode(group, this.shape.encoding) });
    else this.#settle(this.owner.commit(group));
  }

  #settle(outcomes: number[]): void {
    const resolvers = required(this.#flying, "the group in flight");
    this.#flying = undefined;
    this.groups++;
    this.appends += outcomes.length;
    for (const [i, first] of outcomes.entries()) {
      if (first === CONFLICT) this.conflicts++;
      required(resolvers[i], "the waiting append")(first);
    }
    if (this.#waiting.length > 0 && !this.#scheduled) this.#flush();
  }

  check(): Promise<Check> {
    const { owner } = this;
    if (!(owner instanceof Worker)) return Promise.resolve({ events: owner.count() });
    return new Promise((resolve) => {
      this.#check = resolve;
      owner.postMessage({ check: true });
    });
  }
}

interface Document {
  account_id: string;
  owner: string;
  balance: number;
  deposits: number;
  updated_at: number;
}

export class Projection {
  batches = 0;
  written = 0;
  #documents = new LRUCache<string, Document>({ max: 20_000 });
  #dirty = new Map<string, number>();
  #position = 0;
  #busy = false;

  constructor(private shape: Shape, private owner: ViewsDb | Worker) {
    if (!(owner instanceof Worker)) return;
    owner.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if (data.written) this.#later();
    });
    if (shape.views === "worker") owner.onmessage = null;
  }

  get pending(): number {
    return this.#dirty.size + (this.#busy ? 1 : 0);
  }

  deposited(id: string, version: number, amount: number, at: number, position: number): void {
    const before = this.#documents.get(id);
    const document = before ??
      { account_id: id, owner: `owner-${id.slice(-2)}`, balance: 0, deposits: 0, updated_at: 0 };
    document.balance += amount;
    document.deposits++;
    document.updated_at = at;
    if (!before) this.#documents.set(id, document);
    this.#dirty.set(id, version);
    if (position > this.#position) this.#position = position;
    if (!this.#busy) {
      this.#busy = true;
      this.#later();
    }
  }

  #later(): void {
    setTimeout(() => this.#flush(), this.shape.viewEvery);
  }

  #flush(): void {
    if (this.#dirty.size === 0) {
      this.#busy = false;
      return;
    }
    const docs: (string | number)[] = [];
    for (const [id, version] of this.#dirty) docs.push(id, JSON.stringify(this.#documents.peek(id)), version);
    this.#dirty.clear();
    this.batches++;
    this.written += docs.length / 3;
    if (this.owner instanceof Worker) this.owner.postMessage({ docs, position: this.#position });
    else {
      this.owner.write(docs, this.#position);
      this.#later();
    }
  }

  check(): Promise<Check> {
    const { owner } = this;
    if (!(owner instanceof Worker)) return Promise.resolve(owner.check());
    return new Promise((resolve) => {
      const once = ({ data }: MessageEvent<Reply>) => {
        if (!data.check) return;
        owner.removeEventListener("message", once);
        resolve(data.check);
      };
      owner.addEventListener("message", once);
      owner.postMessage({ check: true });
    });
  }
}
