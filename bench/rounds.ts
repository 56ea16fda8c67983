import { Child, scratchDirectory, type Service, startService, V8_FLAGS } from "../tasks/child.ts";
import { fsyncP99Us } from "./disk.ts";
import { type Durability, readDurability } from "./machine.ts";
import { type Kind, type Load, load, openAccounts } from "./load.ts";
import { Metrics, whenCaughtUp } from "./metrics.ts";
import { processorUs } from "./process.ts";
import { asked } from "./token.ts";

export type RoundsOptions = {
  readonly rounds: number;
  readonly seconds: number;
  /** 128 is always among them. */
  readonly connections: readonly number[];
  readonly fsyncs: number;
  /** The service asks for tokens, and each request has one. */
  readonly auth: boolean;
  readonly say: (line: string) => void;
};

export type Loaded = Load & { readonly processorUs: number };
export type Taken = Loaded & { readonly caughtUpMs: number };

/** One round: each load on the echo, then on the service. */
export type Round = {
  readonly echo: Readonly<Record<number, Loaded>>;
  readonly service: Readonly<Record<number, Taken>>;
  readonly echoOrders: Loaded;
  readonly orders: Taken;
  readonly oneAggregate: Taken;
  readonly fsyncP99Us: number;
};

type Servers = {
  readonly echo: Child & { readonly url: string };
  readonly service: Service;
  readonly token: string | undefined;
};
type Shape = { readonly kind: Kind; readonly connections: number; readonly seconds: number };

const MOST = 128;

export async function measureRounds(
  options: RoundsOptions,
): Promise<{ readonly rounds: readonly Round[]; readonly durability: Durability }> {
  await using directory = await scratchDirectory("bench");
  await using echo = await startEcho();
  const { token, environment } = options.auth ? await asked(directory.path) : { token: undefined, environment: {} };
  await using service = await startService(directory.path, { environment });
  const servers: Servers = { echo, service, token };
  await load(echo.url, { kind: "open", connections: MOST, seconds: 1, token });
  await openAccounts(service.url, token);
  await load(service.url, { kind: "order", connections: MOST, seconds: 1, token });
  await whenCaughtUp(service);
  const rounds: Round[] = [];
  for (let at = 1; at <= options.rounds; at++) {
    const round = await measureRound(servers, directory.path, options);
    options.say(`round ${at}: ${summary(round)}`);
    rounds.push(round);
  }
  return { rounds, durability: readDurability(directory.path) };
}

async function measureRound(servers: Servers, directory: string, options: RoundsOptions): Promise<Round> {
  const { seconds, connections, fsyncs } = options;
  const echo: Record<number, Loaded> = {};
  const service: Record<number, Taken> = {};
  for (const count of connections) {
    const shape = { kind: "deposit", connections: count, seconds } as const;
    echo[count] = await loadEcho(servers, shape);
    service[count] = await loadService(servers, shape);
  }
  const shape = { connections: MOST, seconds };
  const oneAggregate = await loadService(servers, { ...shape, kind: "one" });
  const echoOrders = await loadEcho(servers, { ...shape, kind: "order" });
  const orders = await loadService(servers, { ...shape, kind: "order" });
  return { echo, service, oneAggregate, echoOrders, orders, fsyncP99Us: fsyncP99Us(directory, fsyncs) };
}

async function loadEcho({ echo, token }: Servers, shape: Shape): Promise<Loaded> {
  const beforeUs = await processorUs(echo.pid);
  const loaded = await load(echo.url, { ...shape, token });
  return { ...loaded, processorUs: (await processorUs(echo.pid) - beforeUs) / loaded.requests };
}

/** A command counts when its event is stored, and its processor time until every projection has handled it. */
async function loadService({ service, token }: Servers, shape: Shape): Promise<Taken> {
  const before = (await Metrics.of(service)).total("events_appended_total");
  const beforeUs = await processorUs(service.pid);
  const loaded = await load(service.url, { ...shape, token });
  const { afterMs: caughtUpMs } = await whenCaughtUp(service);
  const spentUs = await processorUs(service.pid) - beforeUs;
  const stored = (await Metrics.of(service)).total("events_appended_total") - before;
  // One may be on its way on each connection when a load ends: of this load, and of the one before.
  if (stored < loaded.requests || stored > loaded.requests + MOST + shape.connections) {
    throw new Error(`expected an event for each of ${loaded.requests} commands, found ${stored}`);
  }
  return { ...loaded, processorUs: spentUs / stored, caughtUpMs };
}

async function startEcho(): Promise<Child & { readonly url: string }> {
  const child = await Child.start({
    args: ["run", ...V8_FLAGS, "--no-prompt", "--allow-net=127.0.0.1", "bench/echo.ts"],
    ready: /echo (http:\S+) ready/,
  });
  return Object.assign(child, { url: child.printed[1] ?? "" });
}

function summary({ echo, service, oneAggregate, orders }: Round): string {
  const per = (load: Load | undefined) => `${Math.round(load?.perSecond ?? 0)}/s`;
  const cost = (load: Loaded | undefined) => `${(load?.processorUs ?? 0).toFixed(1)} µs`;
  const pairs = [["echo", echo[MOST]], ["service", service[MOST]], ["orders", orders], ["one", oneAggregate]] as const;
  return pairs.map(([name, loaded]) => `${name} ${per(loaded)} ${cost(loaded)}`).join(", ");
}
