import { assert, assertEquals } from "@std/assert";
import { BASIC } from "@hyperjump/json-schema/experimental";
import { type OpenApi, registerSchema, validate } from "@hyperjump/json-schema/openapi-3-1";
import type { Answer } from "./rig.ts";

const DOCUMENT = "https://annals.test/openapi.json";
const OFFICIAL = "https://spec.openapis.org/oas/3.1/schema-base";

/** A part of the document. */
export type Part = { readonly [name: string]: unknown };
export type Operation = { readonly method: string; readonly path: string };

/** What an OpenAPI document says of it; of its answers too once it is registered, which can be done once a process. */
export class Contract {
  readonly document: Part;

  constructor(document: Part) {
    this.document = document;
  }

  register(): void {
    registerSchema(this.document as OpenApi, DOCUMENT, "https://spec.openapis.org/oas/3.1/dialect/base");
  }

  get paths(): Readonly<Record<string, Readonly<Record<string, Part>>>> {
    return this.document.paths as Readonly<Record<string, Readonly<Record<string, Part>>>>;
  }

  get operations(): Operation[] {
    return Object.entries(this.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path }))
    );
  }

  /** Holds the document against the official schema of its language. */
  async assertValid(): Promise<void> {
    const fault = await faultOf(this.document, OFFICIAL);
    assertEquals(fault, undefined, `expected a valid document, found ${fault}`);
  }

  /** The documented path that this one is; without parameters before one with. */
  pathOf(path: string): string {
    const matching = Object.keys(this.paths).filter((each) =>
      new RegExp(`^${each.replaceAll(/[.]/g, "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path)
    );
    const [found] = matching.sort((left, right) => left.split("{").length - right.split("{").length);
    assert(found !== undefined, `expected ${path} among the paths, found none`);
    return found;
  }

  /** Holds an answer against what is said of its status: media type, headers and body. */
  async assertConforms(answer: Answer, { method, path }: Operation): Promise<void> {
    const what = `${method} ${path} ${answer.status}`;
    const responses = this.paths[path]?.[method.toLowerCase()]?.responses as Record<string, Part> | undefined;
    assert(responses?.[answer.status] !== undefined, `expected ${what} among the answers, found none; ${answer.text}`);
    const place = ["paths", path, method.toLowerCase(), "responses", String(answer.status)];
    const { part, place: found } = this.#follow(responses[answer.status] ?? {}, place);
    await this.#assertHeaders(answer, { part, place: found, what });
    const content = part.content as Part | undefined;
    const type = answer.headers.get("content-type")?.split(";")[0] ?? "none";
    assertEquals(Object.keys(content ?? { none: {} }).includes(type), true, `${what} has the media type ${type}`);
    if (!/json$/.test(type)) return;
    await assertMatches(JSON.parse(answer.text), [...found, "content", type, "schema"], what);
  }

  async #assertHeaders({ headers }: Answer, { part, place, what }: { part: Part; place: string[]; what: string }) {
    for (const [name, header] of Object.entries(part.headers as Record<string, Part>)) {
      const declared = this.#follow(header, [...place, "headers", name]);
      const value = headers.get(name);
      assert(value !== null || declared.part.required !== true, `expected ${what} with ${name}, found none`);
      if (value !== null) await assertMatches(value, [...declared.place, "schema"], `${what} ${name}`);
    }
  }

  #follow(part: Part, place: string[]): { part: Part; place: string[] } {
    if (typeof part.$ref !== "string") return { part, place };
    const target = part.$ref.slice(2).split("/");
    let found: unknown = this.document;
    for (const name of target) found = (found as Part)[name];
    return { part: found as Part, place: target };
  }
}

async function assertMatches(value: unknown, place: readonly string[], what: string): Promise<void> {
  const pointer = place.map((name) => `/${encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))}`);
  const fault = await faultOf(value, `${DOCUMENT}#${pointer.join("")}`);
  assertEquals(fault, undefined, `expected ${what} as documented, found ${JSON.stringify(value)}: ${fault}`);
}

async function faultOf(value: unknown, schema: string): Promise<string | undefined> {
  const validator = await validate(schema);
  const output = validator(value as Parameters<typeof validator>[0], BASIC);
  return output.valid ? undefined : JSON.stringify(output);
}
