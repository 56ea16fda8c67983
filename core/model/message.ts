import type { z } from "zod";

/** Plain JSON, as far as a type can say it: what events, states and documents are made of. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object whose declaration is not known at compile time. */
export type Fields = { readonly [field: string]: unknown };

/** A command or event whose declaration is not known at compile time. */
export type Message = Fields & { readonly type: string };

/** The zod schema of one command, event or document: an object, without the `type` field of commands and events. */
export type Shape = z.ZodObject;

/** Command or event schemas by type name. */
export type Shapes = Readonly<Record<string, Shape>>;

type Flat<T> = { [K in keyof T]: T[K] } & unknown;

/** zod infers a record of nothing for an object without fields, which would forbid `type` as well. */
type Declared<T> = T extends Record<string, never> ? unknown : T;

/** The union of messages a record of schemas declares, each flat: `{ type: "Deposit", amount: number }`. */
export type MessageOf<S> = {
  [K in keyof S & string]: Flat<{ readonly type: K } & (S[K] extends Shape ? Declared<z.output<S[K]>> : never)>;
}[keyof S & string];
