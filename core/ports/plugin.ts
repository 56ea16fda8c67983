import type { z } from "zod";
import type { Shape } from "../model/message.ts";

declare const serviceType: unique symbol;

/** Names a service that exactly one plugin provides, and carries its type. */
export type Ref<T> = { readonly ref: string; readonly many?: false; readonly [serviceType]?: T };

/** Names a service gathered from any number of plugins: each provides a list, a reader gets all of them. */
export type ManyRef<T> = { readonly ref: string; readonly many: true; readonly [serviceType]?: T };

export function ref<T>(name: string): Ref<T> {
  return { ref: name };
}

export function manyRef<T>(name: string): ManyRef<T> {
  return { ref: name, many: true };
}

export type Refs = Readonly<Record<string, Ref<unknown> | ManyRef<unknown>>>;
type Services<R> = {
  readonly [K in keyof R]: R[K] extends ManyRef<infer T> ? readonly T[] : R[K] extends Ref<infer T> ? T : never;
};

export type Health = {
  readonly status: "pass" | "warn" | "fail";
  readonly reason?: string;
  /** What an operator may want to know besides. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
};

/** A started plugin. `stop` is called once, in reverse order of start, and should end early when its signal aborts. */
export type Running<P> = {
  readonly services: Services<P>;
  readonly health?: () => Health;
  readonly stop?: (signal: AbortSignal) => Promise<void>;
};

/**
 * Declares a plugin: what it provides and requires, the environment variables it reads (a zod schema whose keys are
 * their names), and how it starts. `start` may not return before its services work; its signal aborts when the start
 * is given up; a stop waits for it to end then, some seconds at most.
 */
export function definePlugin<const P extends Refs, const Q extends Refs, F extends Shape>(plugin: {
  readonly name: string;
  /** How long its start may take; Infinity where it waits for something outside. Left out: as long as any other's. */
  readonly startTimeoutMs?: number;
  readonly provides: P;
  readonly requires: Q;
  readonly config: F;
  readonly start: (
    given: { readonly services: Services<Q>; readonly config: z.output<F>; readonly signal: AbortSignal },
  ) => Promise<Running<NoInfer<P>>>;
}) {
  return plugin;
}

/** A plugin whose own types are forgotten, as the app runs it: a method, so that any plugin is one. */
export type Plugin = {
  readonly name: string;
  readonly startTimeoutMs?: number;
  readonly provides: Refs;
  readonly requires: Refs;
  readonly config: Shape;
  start(given: {
    readonly services: Readonly<Record<string, unknown>>;
    readonly config: Readonly<Record<string, unknown>>;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly services: Readonly<Record<string, unknown>>;
    readonly health?: () => Health;
    readonly stop?: (signal: AbortSignal) => Promise<void>;
  }>;
};

/** Something an operator or the environment must mend before the service can start; printed as one line. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;
  constructor(message: string, options: { readonly exitCode?: number; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
