import type { RecordedEvent } from "../ports/event_store.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import type { CommandOutcome } from "./command_bus.ts";

/** Counts what the command bus does. Labels are module, command and event names as declared, and outcomes. */
export type CommandMetrics = {
  /** Call at the start of a command; call what it returns with the outcome. */
  begin(module: string, command: string): (outcome: { readonly is: CommandOutcome["is"] | "failed" }) => void;
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

  const commandAt = remember((module, command, outcome) => commands.at({ module, command, outcome }));
  const durationAt = remember((module, command) => durations.at({ module, command }));
  const eventAt = remember((module, type) => events.at({ module, type }));
  return {
    begin(module, command) {
      const startedMs = runtime.monotonicMs();
      return ({ is }) => {
        commandAt(module, command, is).add();
        durationAt(module, command, "").observe((runtime.monotonicMs() - startedMs) / 1000);
      };
    },
    appended(stored) {
      for (const { aggregateType, eventType } of stored) eventAt(aggregateType, eventType, "").add();
    },
    conflict: () => conflicts.add(),
    replayed: () => replays.add(),
  };
}

/** Looking an instrument up by its labels costs more than counting: each set of labels is looked up once. */
function remember<T>(find: (a: string, b: string, c: string) => T): (a: string, b: string, c: string) => T {
  const found = new Map<string, T>();
  return (a, b, c) => {
    const key = `${a} ${b} ${c}`;
    const known = found.get(key);
    if (known !== undefined) return known;
    const fresh = find(a, b, c);
    found.set(key, fresh);
    return fresh;
  };
}
