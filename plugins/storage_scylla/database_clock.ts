import { Unavailable } from "../../core/ports/event_store.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { CqlSession } from "./session.ts";

/** How often it should be measured anew. */
export const MEASURE_EVERY_MS = 30_000;

const MAX_SKEW_MS = 60_000;
const SAMPLES = 3;
/** An answer that took longer says too little. */
const LONGEST_ROUND_TRIP_MS = 2_000;

const NOW = "SELECT toTimestamp(now()) AS now FROM system.local";

type Measurement = { readonly databaseMs: number; readonly monotonicMs: number; readonly roundTripMs: number };

/**
 * The database's time, to half a round trip: measured, and carried on by this process's monotonic clock. A process
 * whose own clock is more than a minute away from it may not take commands.
 */
export class DatabaseClock {
  readonly #session: CqlSession;
  readonly #runtime: Runtime;
  #last: Measurement;

  /** Measures once. Throws a `CqlError`, and `Unavailable` when answers take too long. */
  static async start(session: CqlSession, runtime: Runtime): Promise<DatabaseClock> {
    return new DatabaseClock({ session, runtime, first: await measure(session, runtime) });
  }

  private constructor({ session, runtime, first }: { session: CqlSession; runtime: Runtime; first: Measurement }) {
    this.#session = session;
    this.#runtime = runtime;
    this.#last = first;
  }

  /** To be called every `MEASURE_EVERY_MS`; when it throws, the last measurement stands. */
  async measure(): Promise<void> {
    this.#last = await measure(this.#session, this.#runtime);
  }

  /** Milliseconds since 1970. */
  nowMs(): number {
    return this.#last.databaseMs + this.#runtime.monotonicMs() - this.#last.monotonicMs;
  }

  /** How far this machine's clock is ahead of the database's; negative when it is behind. */
  skewMs(): number {
    return this.#runtime.now() - this.nowMs();
  }

  /** Throws `Unavailable` while the clocks are too far apart. */
  requireAgreement(): void {
    const trouble = this.#trouble();
    if (trouble !== undefined) throw new Unavailable(trouble);
  }

  health(): Health {
    const reason = this.#trouble();
    return reason === undefined ? { status: "pass" } : { status: "fail", reason };
  }

  #trouble(): string | undefined {
    const skewMs = this.skewMs();
    if (Math.abs(skewMs) <= MAX_SKEW_MS) return undefined;
    const found = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"} it`;
    return `Expected a clock within ${MAX_SKEW_MS / 1000} s of the database's, found ${found}: set the machine's clock`;
  }
}

/** The sample with the shortest way is the most exact. */
async function measure(session: CqlSession, runtime: Runtime): Promise<Measurement> {
  const samples: Measurement[] = [];
  for (let at = 0; at < SAMPLES; at += 1) samples.push(await sample(session, runtime));
  const [best] = samples.sort((left, right) => left.roundTripMs - right.roundTripMs);
  if (best !== undefined && best.roundTripMs <= LONGEST_ROUND_TRIP_MS) return best;
  const expected = `an answer in ${LONGEST_ROUND_TRIP_MS} ms`;
  throw new Unavailable(`Cannot measure the database's time: expected ${expected}, found ${best?.roundTripMs} ms`);
}

async function sample(session: CqlSession, runtime: Runtime): Promise<Measurement> {
  const sentMs = runtime.monotonicMs();
  const [row] = await session.execute({ cql: NOW, values: [] });
  const receivedMs = runtime.monotonicMs();
  const now = row?.["now"];
  if (!(now instanceof Date)) throw new TypeError(`expected the database's time as a moment, found ${now}`);
  return {
    databaseMs: now.getTime(),
    monotonicMs: (sentMs + receivedMs) / 2,
    roundTripMs: receivedMs - sentMs,
  };
}
