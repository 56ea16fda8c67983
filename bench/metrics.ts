import type { Service } from "../tasks/child.ts";

const POLL_MS = 20;
const CAUGHT_UP_WITHIN_MS = 120_000;

/** One reading of a service's /metrics. */
export class Metrics {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  static async of({ operatorUrl }: Service): Promise<Metrics> {
    return new Metrics(await (await fetch(`${operatorUrl}/metrics`)).text());
  }

  /** Of all series of a metric whose labels hold `label`. */
  values(name: string, label = ""): number[] {
    const lines = this.#text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(label));
    return lines.map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  }

  total(name: string, label?: string): number {
    return this.values(name, label).reduce((sum, value) => sum + value, 0);
  }

  get isCaughtUp(): boolean {
    const lags = this.values("projection_lag_events");
    return lags.length > 0 && lags.every((lag) => lag === 0);
  }
}

/** How long after the call all projections had handled every event. */
export async function whenCaughtUp(service: Service, { pollMs = POLL_MS } = {}): Promise<{ afterMs: number }> {
  const sinceMs = performance.now();
  for (;;) {
    const { isCaughtUp } = await Metrics.of(service);
    const afterMs = performance.now() - sinceMs;
    if (isCaughtUp) return { afterMs };
    if (afterMs > CAUGHT_UP_WITHIN_MS) {
      throw new Error(`expected projections to catch up, found lag after ${afterMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
