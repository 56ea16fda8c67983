import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import {
  assetRef,
  type Instrument,
  type Labels,
  type Reading,
  type Telemetry,
  telemetryRef,
} from "../../core/ports/telemetry.ts";

const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const READ_FAILURES = {
  name: "metrics_read_failures_total",
  help: "Times a gauge could not be read and was left empty",
  labels: ["metric"],
} as const;

/** Counts in memory and shows it all at `/metrics` of the operator's door, in Prometheus' text format. */
export default definePlugin({
  name: "metrics",
  provides: { telemetry: telemetryRef, assets: assetRef },
  requires: {},
  config: z.object({}),
  start() {
    const registry = new Registry();
    const telemetry = createTelemetry(registry);
    const memory = { name: "process_resident_memory_bytes", help: "Resident memory of the process", labels: [] };
    telemetry.gauge(memory, () => [{ labels: {}, value: Deno.memoryUsage().rss }]);
    const page = { path: "/metrics", contentType: registry.contentType, body: () => registry.metrics() };
    return Promise.resolve({ services: { telemetry, assets: [page] } });
  },
});

function createTelemetry(registry: Registry): Telemetry {
  const known = new Map<string, Tally | Histogram>();
  const once = <T extends Tally | Histogram>(name: string, create: () => T): T => {
    const instrument = known.get(name) as T | undefined ?? create();
    known.set(name, instrument);
    return instrument;
  };
  const telemetry: Telemetry = {
    counter(instrument) {
      const counter = once(instrument.name, () => new Tally(instrument, registry));
      return { at: (labels) => counter.at(labels) };
    },
    histogram(instrument) {
      const buckets = DURATION_BUCKETS_SECONDS;
      const histogram = once(instrument.name, () => new Histogram({ ...settings(instrument, registry), buckets }));
      return {
        at(labels) {
          const child = histogram.labels(labels);
          return { observe: (value) => child.observe(value) };
        },
      };
    },
    gauge(instrument, read) {
      const { name } = instrument;
      if (registry.getSingleMetric(name) !== undefined) {
        throw new TypeError(`Cannot declare the gauge ${name}: it is declared already; a gauge has one reader`);
      }
      const failures = telemetry.counter(READ_FAILURES).at({ metric: name });
      new Gauge({
        ...settings(instrument, registry),
        async collect() {
          try {
            show(this, await read());
          } catch {
            // One that cannot be read leaves a gap; the page and all others are shown.
            this.reset();
            failures.add();
          }
        },
      });
    },
  };
  return telemetry;
}

/** A counter that is counted on in a plain number, and told to prom-client only when somebody reads. */
class Tally {
  readonly #counts = new Map<string, { readonly child: Counter.Internal; pending: number }>();
  readonly #counter: Counter;

  constructor(instrument: Instrument, registry: Registry) {
    this.#counter = new Counter({ ...settings(instrument, registry), collect: () => this.#tell() });
  }

  at(labels: Labels): { add(count?: number): void } {
    const key = JSON.stringify(labels);
    const own = this.#counts.get(key) ?? { child: this.#counter.labels(labels), pending: 0 };
    this.#counts.set(key, own);
    return { add: (count = 1) => void (own.pending += count) };
  }

  #tell(): void {
    for (const own of this.#counts.values()) {
      // By nothing, too: a rate is seen from the first count on only where there was a 0 before it.
      own.child.inc(own.pending);
      own.pending = 0;
    }
  }
}

function settings({ name, help, labels }: Instrument, registry: Registry) {
  return { name, help, labelNames: [...labels], registers: [registry] };
}

function show(gauge: Gauge, readings: readonly Reading<string>[]): void {
  gauge.reset();
  for (const { labels, value } of readings) gauge.set(labels, value);
}
