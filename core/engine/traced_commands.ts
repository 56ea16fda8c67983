import { type Attempt, type EventStore, type NewEvent, type Stream, streamKey } from "../ports/event_store.ts";
import { kindOf, type Span, traceparentOf, type Tracer } from "../ports/tracing.ts";
import type { CommandBus, CommandOutcome } from "./command_bus.ts";

const FAULTS: ReadonlySet<CommandOutcome["is"]> = new Set(["overloaded", "unavailable", "outcome_unknown"]);

/** The same bus, each command a step of its sender's trace; its events are stored as caused by that step. */
export function tracedBus(bus: CommandBus, tracer: Tracer): CommandBus {
  return {
    execute(request) {
      const { served: { module }, id, command, correlationId, traceparent: parent } = request;
      const span = tracer.begin({
        name: `command ${command.type}`,
        parent,
        attributes: {
          "annals.module": module.name,
          "annals.command": command.type,
          "annals.aggregate_id": id,
          "annals.correlation_id": correlationId,
        },
      });
      return ending(span, bus.execute({ ...request, traceparent: span.traceparent }), ({ is }) => ({
        ...FAULTS.has(is) && { failed: is },
        attributes: { "annals.outcome": is },
      }));
    },
  };
}

/** The same store, each append a step of the command that caused its first event, linked to those of the others. */
export function tracedStore(store: EventStore, tracer: Tracer): EventStore {
  const traced = <T extends string>(stream: Stream, events: readonly NewEvent[], append: () => Promise<T>) => {
    const [parent, ...links] = new Set(events.flatMap((event) => traceparentOf(event) ?? []));
    const attributes = { "annals.stream": streamKey(stream), "annals.events": events.length };
    const span = tracer.begin({ name: "append", parent, links, attributes });
    return ending(span, append(), (is) => ({
      ...is === "unknown" && { failed: is },
      attributes: { "annals.outcome": is },
    }));
  };
  const begin = store.attempt?.bind(store);
  return {
    get soleWriter() {
      return store.soleWriter;
    },
    append: (stream, options) => traced(stream, options.events, () => store.append(stream, options)),
    read: (stream, options) => store.read(stream, options),
    version: (stream) => store.version(stream),
    ...begin && {
      attempt(stream, options): Attempt {
        const attempt = begin(stream, options);
        return {
          append: (options) => traced(stream, options.events, () => attempt.append(options)),
          close: (version) => attempt.close(version),
        };
      },
    },
  };
}

async function ending<T>(span: Span, work: Promise<T>, tell: (done: T) => Parameters<Span["end"]>[0]): Promise<T> {
  try {
    const done = await work;
    span.end(tell(done));
    return done;
  } catch (error) {
    span.end({ failed: kindOf(error) });
    throw error;
  }
}
