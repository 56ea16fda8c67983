import type { z } from "zod";
import type { Context, Decider, Rejection, Source } from "./decider.ts";
import type { Fields, Message, MessageOf, Shapes } from "./message.ts";
import type { Projection } from "./projection.ts";

/** Who asks. Without authentication everybody is `anonymous`. */
export type Principal = { readonly sub: string; readonly claims: Fields };

/** What a read is about; `allowRead` is asked once a request, never once a row. */
export type Read =
  | { readonly kind: "state" | "history"; readonly id: string }
  | { readonly kind: "view"; readonly view: string; readonly filter: Readonly<Record<string, string>> }
  | { readonly kind: "view"; readonly view: string; readonly key: string }
  | { readonly kind: "topic"; readonly topic: string };

/**
 * Declares an aggregate: its messages, rules and read models. Everything is typed from the schemas, so an undeclared
 * event or rejection code does not compile.
 *
 * Schemas check shape and size and must be strict at every level (`z.strictObject`); a rule with a rejection code
 * belongs in the decider. `rejections` maps each code to a sentence for people. `creates` lists the commands that may
 * be posted without an id. `present` is what a GET shows (the whole state when left out), and `presented` its schema.
 * `publish` turns an event into the one that the topic tells, or into none (all as they are when left out). `allow` and
 * `allowRead` say who may do what (everybody when left out): true lets somebody, and whatever else they give does not.
 */
export function defineModule<
  const C extends Shapes,
  const E extends Shapes,
  const R extends Readonly<Record<string, string>>,
  S extends z.ZodType<Fields>,
  P extends z.ZodType<Fields> = z.ZodType<Fields>,
>(module: {
  readonly name: string;
  readonly path: string;
  readonly id: IdPattern;
  readonly commands: C;
  readonly events: E;
  readonly rejections: R;
  readonly state: S;
  readonly creates: readonly (keyof NoInfer<C> & string)[];
  readonly decider: Decider<
    MessageOf<NoInfer<C>>,
    MessageOf<NoInfer<E>>,
    z.output<NoInfer<S>>,
    keyof NoInfer<R> & string
  >;
  readonly presented?: P;
  readonly present?: (state: z.output<NoInfer<S>>) => z.output<NoInfer<P>>;
  readonly publish?: (event: MessageOf<NoInfer<E>>) => Message | undefined;
  readonly projections?: readonly Projection[];
  readonly allow?: (principal: Principal, command: MessageOf<NoInfer<C>>, state: z.output<NoInfer<S>>) => boolean;
  readonly allowRead?: (principal: Principal, read: Read) => boolean;
}) {
  return module;
}

/** `uuid`: a canonical lower-case UUID. `text`: 1 to 128 characters of `[A-Za-z0-9._-]`, not only dots. */
export type IdPattern = "uuid" | "text";

/** A module whose own types are forgotten, as the engine runs it: methods, so that any module is one. */
export type Module = {
  readonly name: string;
  readonly path: string;
  readonly id: IdPattern;
  readonly commands: Shapes;
  readonly events: Shapes;
  readonly rejections: Readonly<Record<string, string>>;
  readonly state: z.ZodType<Fields>;
  readonly creates: readonly string[];
  readonly decider: {
    readonly initialState: Fields;
    decide(command: Message, state: Fields, context: Context): readonly Message[] | Rejection;
    evolve(state: Fields, event: Message, source: Source): Fields;
  };
  readonly presented?: z.ZodType<Fields>;
  present?(state: Fields): Fields;
  publish?(event: Message): Message | undefined;
  readonly projections?: readonly Projection[];
  allow?(principal: Principal, command: Message, state: Fields): boolean;
  allowRead?(principal: Principal, read: Read): boolean;
};
