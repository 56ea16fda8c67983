/** What a module imports, as `annals`: everything an aggregate is declared with. */
export type { Context, Decider, Rejection, Source } from "./model/decider.ts";
export { reject } from "./model/decider.ts";
export type { Fields, Json, Message, MessageOf, Shape, Shapes } from "./model/message.ts";
export type { IdPattern, Module, Principal, Read } from "./model/module.ts";
export { defineModule } from "./model/module.ts";
export type { Index, Projection } from "./model/projection.ts";
export { defineProjection } from "./model/projection.ts";
