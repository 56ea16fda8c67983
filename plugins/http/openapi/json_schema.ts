import { z } from "zod";

/** A JSON Schema of draft 2020-12, which OpenAPI 3.1 takes as it is; and any other part of the document. */
export type JsonObject = { readonly [member: string]: unknown };

/** A zod schema for readers: what cannot be said in JSON Schema, and the bounds of every double, are left out. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output" = "output"): JsonObject {
  const { $schema: _, ...written } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override({ jsonSchema }) {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // The pattern spells out a calendar: the format says it.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  return written;
}

/** The schema of the same object with more members around its own, which it always has; in every case of a union. */
export function withMembers(
  schema: JsonObject,
  { first, last = {} }: { readonly first: JsonObject; readonly last?: JsonObject },
): JsonObject {
  for (const union of ["oneOf", "anyOf"]) {
    const cases = schema[union];
    if (Array.isArray(cases)) return { ...schema, [union]: cases.map((each) => withMembers(each, { first, last })) };
  }
  const { properties = {}, required = [] } = schema as { properties?: JsonObject; required?: readonly string[] };
  return {
    ...schema,
    type: "object",
    properties: { ...first, ...properties, ...last },
    required: [...Object.keys(first), ...required, ...Object.keys(last)],
  };
}

/** The schemas under the names by which the document refers to them. */
export class Schemas {
  readonly #byName = new Map<string, JsonObject>();

  /** Gives the reference. Definitions within the schema get names of their own, which begin with its name. */
  add(name: string, schema: JsonObject): JsonObject {
    const text = JSON.stringify(schema)
      .replaceAll('"$ref":"#"', `"$ref":"${place(name)}"`)
      .replaceAll('"#/$defs/', `"${place(name)}.`);
    const { $defs = {}, ...own }: JsonObject & { readonly $defs?: JsonObject } = JSON.parse(text);
    this.#byName.set(name, own);
    for (const [inner, definition] of Object.entries($defs)) {
      this.#byName.set(`${name}.${inner}`, definition as JsonObject);
    }
    return { $ref: place(name) };
  }

  /** One of several, told apart by a member that each has with a value of its own. */
  addUnion(
    name: string,
    { by, cases }: { readonly by: string; readonly cases: ReadonlyMap<string, JsonObject> },
  ): JsonObject {
    const mapping = Object.fromEntries([...cases].map(([value, { $ref }]) => [value, $ref]));
    return this.add(name, { oneOf: [...cases.values()], discriminator: { propertyName: by, mapping } });
  }

  all(): JsonObject {
    return Object.fromEntries(this.#byName);
  }
}

function place(name: string): string {
  return `#/components/schemas/${name}`;
}
