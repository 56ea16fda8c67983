import { z } from "zod";
import type { Fields, Message, Shape, Shapes } from "../model/message.ts";
import type { Module } from "../model/module.ts";
import type { Projection } from "../model/projection.ts";
import { ref, StartError } from "../ports/plugin.ts";
import type { ReadModel } from "../ports/read_models.ts";

/** A module as found: where it stands (for error messages) and a hash of the sources that fold its states. */
export type FoundModule = { readonly module: Module; readonly location: string; readonly fingerprint: string };

/** A module ready to serve: its message schemas made strict and looked up by type name. */
export type Served = FoundModule & {
  readonly commands: ReadonlyMap<string, z.ZodType<Message>>;
  readonly events: ReadonlyMap<string, z.ZodType<Message>>;
};

export type ServedView = {
  readonly projection: Projection;
  readonly served: Served;
  readonly model: ReadModel;
  /** Of which kinds of aggregates it shows anything; undefined when that cannot be told from the modules found. */
  readonly aggregateTypes: ReadonlySet<string> | undefined;
};

/** Everything that was declared, by the names used from outside. */
export type Registry = {
  readonly modules: readonly Served[];
  readonly byPath: ReadonlyMap<string, Served>;
  readonly byName: ReadonlyMap<string, Served>;
  readonly views: ReadonlyMap<string, ServedView>;
};

export const registryRef = ref<Registry>("registry");

export type ParsedCommand =
  | { readonly is: "command"; readonly command: Message }
  | { readonly is: "unknown_command" }
  | { readonly is: "invalid"; readonly issues: readonly z.core.$ZodIssue[] };

/** Parses a body once, strictly, by the schema its `type` names. */
export function parseCommand(served: Served, body: Fields): ParsedCommand {
  const schema = typeof body.type === "string" ? served.commands.get(body.type) : undefined;
  if (schema === undefined) return { is: "unknown_command" };
  const parsed = schema.safeParse(body);
  return parsed.success ? { is: "command", command: parsed.data } : { is: "invalid", issues: parsed.error.issues };
}

/** Parses what a decider returned, so that a spread cannot smuggle fields in; throws on an event nobody declared. */
export function parseEvent(served: Served, message: Message): Message {
  const schema = served.events.get(message.type);
  if (schema === undefined) {
    throw new TypeError(`Cannot append the event "${message.type}": ${served.module.name} does not declare it`);
  }
  return schema.parse(message);
}

const RESERVED_PATHS = new Set([
  ...["views", "topics", "docs", "problems", "livez", "readyz"],
  // The operator's door's own.
  ...["metrics", "health", "operations"],
]);
const RESERVED_FIELDS = ["type", "id", "version"];

/** Collects the modules; throws a `StartError` that names both sides when two claim one name. */
export function createRegistry(found: readonly FoundModule[]): Registry {
  const claims = new Map<string, string>();
  const claim = (kind: string, name: string, owner: string) => {
    const holder = claims.get(`${kind} ${name}`);
    if (holder !== undefined) {
      throw new StartError(`The ${kind} "${name}" is claimed by ${holder} and by ${owner}: rename one of them`);
    }
    claims.set(`${kind} ${name}`, owner);
  };
  const modules = found.map((each) => {
    claimNames(each, claim);
    return { ...each, commands: strict(each.module.commands), events: strict(each.module.events) };
  });
  const views = modules.flatMap((served) =>
    (served.module.projections ?? []).map((projection) => {
      const aggregateTypes = aggregateTypesOf(modules, handledTypes(projection));
      return [projection.name, { ...serveView(served, projection), aggregateTypes }] as const;
    })
  );
  return {
    modules,
    byPath: new Map(modules.map((served) => [served.module.path, served])),
    byName: new Map(modules.map((served) => [served.module.name, served])),
    views: new Map(views),
  };
}

function claimNames(
  { module, location }: FoundModule,
  claim: (kind: string, name: string, owner: string) => void,
): void {
  if (!/^[a-z][a-z0-9_]*$/.test(module.name)) refuse(location, `its name "${module.name}" is not snake_case`);
  if (!/^[a-z][a-z0-9-]*$/.test(module.path)) refuse(location, `its path "${module.path}" is not [a-z0-9-]`);
  if (RESERVED_PATHS.has(module.path)) refuse(location, `its path "${module.path}" is reserved for the service`);
  claim("module name", module.name, location);
  claim("path", module.path, location);
  for (const type of Object.keys(module.events)) claim("event type", type, location);
  refuseWrongPublish(location, module.publish);
  refuseWrongRule(location, { allow: module.allow, allowRead: module.allowRead });
  for (const [type, shape] of Object.entries({ ...module.commands, ...module.events })) {
    refuseReservedFields(location, type, shape);
  }
  refuseWhatJsonLoses(location, module);
  for (const projection of module.projections ?? []) {
    if (!/^[a-z][a-z0-9_]*$/.test(projection.name)) {
      refuse(location, `its projection's name "${projection.name}" is not snake_case`);
    }
    claim("projection name", projection.name, location);
    for (const index of Object.keys(projection.indexes ?? {})) claim("index name", index, location);
    refuseReservedFields(location, projection.name, projection.document);
    refuseTwoIndexesOnOneField(location, projection);
  }
}

/** A module's own types are not checked when it is found in a folder. */
function refuseWrongPublish(location: string, publish: unknown): void {
  if (publish === undefined || typeof publish === "function") return;
  refuse(location, `its publish is ${JSON.stringify(publish)}, expected a function from an event to a public one`);
}

/** One that gives a promise would let nobody in. */
function refuseWrongRule(location: string, rules: Readonly<Record<string, unknown>>): void {
  for (const [name, rule] of Object.entries(rules)) {
    if (rule === undefined || typeof rule === "function" && rule.constructor.name === "Function") continue;
    const found = typeof rule === "function" ? rule.constructor.name : JSON.stringify(rule);
    refuse(location, `its ${name} is ${found}, expected a function that gives true or false at once`);
  }
}

function refuseReservedFields(location: string, name: string, shape: Shape): void {
  const field = RESERVED_FIELDS.find((each) => each in shape.shape);
  if (field !== undefined) refuse(location, `${name} has a field "${field}", which the service sets itself`);
}

function refuseTwoIndexesOnOneField(location: string, { name, indexes = {} }: Projection): void {
  const fields = Object.values(indexes).map((index) => index.by);
  const twice = fields.find((field, at) => fields.indexOf(field) !== at);
  if (twice !== undefined) refuse(location, `${name} has two indexes by "${twice}", so a query could mean either`);
}

/** What is kept must come back as it was: no dates, maps or transforms, which JSON and a second parse would change. */
function refuseWhatJsonLoses(location: string, { events, state, projections = [] }: Module): void {
  const kept = { ...events, state, ...Object.fromEntries(projections.map(({ name, document }) => [name, document])) };
  for (const [name, schema] of Object.entries(kept)) {
    try {
      z.toJSONSchema(schema);
    } catch (error) {
      refuse(location, `${name} cannot be kept as JSON: ${error instanceof Error ? error.message : error}`);
    }
  }
}

function refuse(location: string, why: string): never {
  throw new StartError(`The module ${location} cannot be served: ${why}`);
}

function strict(shapes: Shapes): ReadonlyMap<string, z.ZodType<Message>> {
  return new Map(
    Object.entries(shapes).map(([type, shape]) => [type, withType(type, shape)]),
  );
}

function withType(type: string, shape: Shape): z.ZodType<Message> {
  const schema: z.ZodType = shape.safeExtend({ type: z.literal(type) }).strict();
  return schema as z.ZodType<Message>;
}

function serveView(served: Served, projection: Projection): Omit<ServedView, "aggregateTypes"> {
  const incarnation = `${projection.name}_v${projection.version}`;
  const sources = projection.key === undefined ? "one" : "many";
  return { projection, served, model: { incarnation, indexes: projection.indexes ?? {}, sources } };
}

/** The events that change the projection's documents. */
export function handledTypes({ on }: Projection): readonly string[] {
  return Object.keys(on).filter((type) => on[type] !== undefined);
}

/** The modules that declare these events; undefined when one of them is not declared by any that was found. */
function aggregateTypesOf(modules: readonly Served[], types: readonly string[]): ReadonlySet<string> | undefined {
  const owners = types.map((type) => modules.find(({ events }) => events.has(type))?.module.name);
  return owners.includes(undefined) ? undefined : new Set(owners.filter((name) => name !== undefined));
}
