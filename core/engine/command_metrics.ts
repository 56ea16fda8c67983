import type { RecordedEvent } from "../ports/event_store.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import type { CommandOutcome, CommandRequest } from "./command_bus.ts";

/** Counts what the command bus does. Labels are module, command and event names as declared, and outcomes. */
export type CommandMetrics = {
  /** What a command came to that was taken at that time of the monotonic clock. */
  finished(request: CommandRequest, sinceMs: number, outcome: CommandOutcome["is"] | "failed"): void;
  appended(events: readonly RecordedEvent[]): void;
  conflict(): void;
  replayed(): void;
};

export function createCommandMetrics(telemetry: Telemetry, runtime: Runtime): CommandMetrics {
  const commands = telemetry.counter({
    name: "commands_total",
    help: "Commands by their outcome",
    labels: ["module", "command", "outcome"],
  });
  const durations = telemetry.histogram({
    name: "command_duration_seconds",
    help: "From a command's parsed body to its outcome",
    labels: ["module", "command"],
  });
  const events = telemetry.counter({
    name: "events_appended_total",
    help: "Events stored",
    labels: ["module", "type"],
  });
  const conflicts = telemetry
    .counter({ name: "append_conflicts_total", help: "Appends refused because the stream had moved", labels: [] }).at(
      {},
    );
  const replays = telemetry
    .counter({ name: "idempotent_replays_total", help: "Keyed commands answered from the stream", labels: [] }).at({});

  const ofKind = remember((module, command) => ({
    duration: durations.at({ module, command }),
    outcomes: new Map<string, { add(): void }>(),
  }));
  const ofEvents = remember((module, type) => events.at({ module, type }));
  return {
    finished({ served: { module: { name } }, command: { type } }, sinceMs, outcome) {
      const { duration, outcomes } = ofKind(name, type);
      duration.observe((runtime.turnMs() - sinceMs) / 1000);
      let counter = outcomes.get(outcome);
      if (counter === undefined) {
        counter = commands.at({ module: name, command: type, outcome });
        outcomes.set(outcome, counter);
      }
      counter.add();
    },
    appended(stored) {
      for (const { aggregateType, eventType } of stored) ofEvents(aggregateType, eventType).add();
    },
    conflict: () => conflicts.add(),
    replayed: () => replays.add(),
  };
}

/** Looking an instrument up by its labels costs more than counting: each pair of them is looked up once. */
function remember<T>(find: (a: string, b: string) => T): (a: string, b: string) => T {
  const found = new Map<string, Map<string, T>>();
  return (a, b) => {
    const known = found.get(a)?.get(b);
    if (known !== undefined) return known;
    const fresh = find(a, b);
    found.set(a, (found.get(a) ?? new Map()).set(b, fresh));
    return fresh;
  };
}
