import type { Service } from "../../tasks/child.ts";
import { startLogged } from "./change_log/logged_copy.ts";
import { type Place, startCopy } from "./copy.ts";
import { CountingRelay } from "./counting_relay.ts";
import type { Given } from "./part.ts";

/** Requests a second of one stretch, by the protocol's name for their kind. */
export type Idle = ReadonlyMap<string, number>;

/** One stretch right behind the other, of a copy on a server without a log of changes and of one that reads a log. */
export type Idles = { readonly plain: readonly Idle[]; readonly logged: readonly Idle[] };

/** A copy has come to rest when it has begun all its slices and read again what came just before. */
const REST_MS = 6_000;

/** What copies that nobody asks anything send to the database, counted in between, each on a keyspace of its own. */
export async function measureIdles({ database, scale: { rounds, idleSeconds }, say }: Given): Promise<Idles> {
  const opened = await database();
  const { address } = opened;
  const log = { address, keyspace: opened.keyspace("logged_idle") };
  // Whoever writes a log makes it when it starts.
  await (await startLogged("writes", log)).end();
  await using plain = await Counted.start({ address, keyspace: opened.keyspace("idle") }, startCopy);
  await using logged = await Counted.start(log, (place) => startLogged("reads", place));
  await pause(REST_MS);
  const found: [Idle, Idle][] = [];
  for (let round = 1; round <= rounds; round++) {
    const ends = [plain, logged].map((copy) => copy.begin());
    await pause(idleSeconds * 1000);
    const [idle = new Map(), idleLogged = new Map()] = ends.map((end) => end());
    say(`idle ${round}: ${summary(idle)}; with a log: ${summary(idleLogged)}`);
    found.push([idle, idleLogged]);
  }
  return { plain: found.map(([idle]) => idle), logged: found.map(([, idle]) => idle) };
}

/** A copy of the service behind a relay that counts. */
class Counted implements AsyncDisposable {
  readonly #relay: CountingRelay;
  readonly #stack: AsyncDisposableStack;

  static async start({ address, keyspace }: Place, start: (place: Place) => Promise<Service>): Promise<Counted> {
    await using stack = new AsyncDisposableStack();
    const relay = stack.use(new CountingRelay(address));
    stack.use(await start({ address: relay.address, keyspace }));
    return new Counted(relay, stack.move());
  }

  private constructor(relay: CountingRelay, stack: AsyncDisposableStack) {
    this.#relay = relay;
    this.#stack = stack;
  }

  /** Begins a stretch; what is returned ends it. */
  begin(): () => Idle {
    const before = this.#relay.counts();
    const sinceMs = performance.now();
    return () => {
      const passedMs = performance.now() - sinceMs;
      const rates = [...this.#relay.counts()].map(([kind, count]) =>
        [kind, (count - (before.get(kind) ?? 0)) / passedMs * 1000] as const
      );
      return new Map(rates.filter(([, rate]) => rate > 0));
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function summary(idle: Idle): string {
  return [...idle].map(([kind, rate]) => `${kind} ${rate.toFixed(1)}/s`).join(", ");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
