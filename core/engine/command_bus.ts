import type { Rejection } from "../model/decider.ts";
import type { Message } from "../model/message.ts";
import type { Principal } from "../model/module.ts";
import { ref } from "../ports/plugin.ts";
import type { Served } from "./registry.ts";

export type CommandRequest = {
  readonly served: Served;
  readonly id: string;
  /** As `parseCommand` gave it. */
  readonly command: Message;
  readonly principal: Principal;
  /** The caller's `Idempotency-Key`. */
  readonly key?: string | undefined;
  readonly precondition?: Precondition | undefined;
  readonly correlationId: string;
  readonly causationId: string | null;
  /** W3C trace context, stored in the events' metadata. */
  readonly traceparent?: string | undefined;
};

/** `"exists"`: any version but none. `"missing"`: the stream must not exist. */
export type Precondition = { readonly version: number } | "exists" | "missing";

export type AppendedEvent = { readonly eventId: string; readonly sequenceNumber: number; readonly eventType: string };

/**
 * `done` without events: what was asked is already so. `replayed`: the answer this key got the first time.
 * `unavailable`, `overloaded` and `outcome_unknown` may be sent again; the last one with its key, as it may be stored.
 */
export type CommandOutcome =
  | {
    readonly is: "done";
    readonly version: number;
    readonly created: boolean;
    readonly events: readonly AppendedEvent[];
    readonly replayed: boolean;
  }
  | { readonly is: "rejected"; readonly rejection: Rejection }
  | { readonly is: "precondition_failed"; readonly version: number }
  | { readonly is: "too_large"; readonly detail: string }
  | { readonly is: "forbidden" | "key_reused" | "conflict" | "overloaded" | "unavailable" | "outcome_unknown" };

/** Executes commands: one at a time for each aggregate, many aggregates at once. */
export type CommandBus = { execute(request: CommandRequest): Promise<CommandOutcome> };

export const commandBusRef = ref<CommandBus>("command_bus");
