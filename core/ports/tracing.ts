import type { Fields } from "../model/message.ts";
import { manyRef } from "./plugin.ts";

/** What is about to be done, and what for. Trace contexts are W3C's `traceparent`. */
export type Step = {
  readonly name: string;
  /** `consumer` works on an event, `producer` sends a message; left out: other work of this process. */
  readonly kind?: "consumer" | "producer";
  /** What it is a part of; without one it begins a trace. */
  readonly parent: string | undefined;
  /** What else it is done for. */
  readonly links?: readonly string[];
  readonly attributes: Attributes;
};

/** Never what a person has typed: names of the code, ids, numbers. */
export type Attributes = Readonly<Record<string, string | number>>;

export type Span = {
  /** The parent of what this step causes, here or elsewhere. */
  readonly traceparent: string;
  /** To be called once; a step that never ends is not told. `failed` is the kind of its error. */
  end(outcome?: { readonly failed?: string; readonly attributes?: Attributes }): void;
};

/** Tells whoever collects traces what this process does. Nothing else depends on it. */
export type Tracer = {
  begin(step: Step): Span;
  /** The request that the caller is answering, if any. */
  request(): { readonly traceparent: string; describe(name: string, attributes: Attributes): void } | undefined;
};

/** One while traces are collected, else none: then nothing is spent on them. */
export const tracerRef = manyRef<Tracer>("tracer");

/** The step that an event was stored by, if that was traced. */
export function traceparentOf({ metadata }: { readonly metadata: Fields | null }): string | undefined {
  const traceparent = metadata?.traceparent;
  return typeof traceparent === "string" ? traceparent : undefined;
}

/** What may be told of an error: its kind. Its message may hold anything. */
export function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
