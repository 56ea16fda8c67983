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

  const ofModule = remember((module) => ({
    commands: remember((command) => ({
      duration: durations.at({ module, command }),
      came: remember((outcome) => commands.at({ module, command, outcome })),
    })),
    events: remember((type) => events.at({ module, type })),
  }));
  return {
    finished({ served: { module: { name } }, command: { type } }, sinceMs, outcome) {
      const { duration, came } = ofModule(name).commands(type);
      duration.observe((runtime.turnMs() - sinceMs) / 1000);
      came(outcome).add();
    },
    appended(stored) {
      for (const { aggregateType, eventType } of stored) ofModule(aggregateType).events(eventType).add();
    },
    conflict: () => conflicts.add(),
    replayed: () => replays.add(),
  };
}

/** Looking an instrument up by its labels costs more than counting: each is looked up once. */
function remember<T>(find: (name: string) => T): (name: string) => T {
  const found = new Map<string, T>();
  return (name) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const fresh = find(name);
    found.set(name, fresh);
    return fresh;
  };
}
