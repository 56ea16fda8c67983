import type { Precondition } from "../../core/engine/command_bus.ts";
import type { Registry } from "../../core/engine/registry.ts";
import type { Write } from "../../core/ports/progress.ts";
import { isId } from "./ids.ts";
import { type Problem, problem } from "./problems.ts";

const STRONG_VERSION = /^"([1-9][0-9]{0,14})"$/;
const ENTITY_TAGS = /^(?:W\/)?"[\x21\x23-\x7e]*"(?:[ \t]*,[ \t]*(?:W\/)?"[\x21\x23-\x7e]*")*$/;
const OPAQUE_TAG = /"([^"]*)"/g;
const QUOTED_KEY = /^"([\x21\x23-\x7e]{1,255})"$/;
const BARE_KEY = /^[\x21\x23-\x7e]{1,255}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const CORRELATION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64URL = /^[A-Za-z0-9_-]{1,512}$/;
const NOT_BASE64URL = /[+/=]/g;
const WAIT = /^wait[ \t]*=[ \t]*"?([0-9]{1,9})"?$/i;
const WAIT_SECONDS_MAX = 30;
const WAIT_SECONDS_DEFAULT = 2;

export type CommandHeaders = {
  readonly is: "headers";
  readonly key: string | undefined;
  readonly precondition: Precondition | undefined;
  readonly traceparent: string | undefined;
};

/** What the headers of a command ask for. */
export function readCommandHeaders(headers: Headers): CommandHeaders | Problem {
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  const keyHeader = headers.get("idempotency-key");
  const trace = headers.get("traceparent");
  let precondition: Precondition | undefined;
  if (ifMatch !== null) {
    if (ifNoneMatch !== null) return invalid("If-Match and If-None-Match exclude each other here: send one of them");
    precondition = parseIfMatch(ifMatch);
    if (precondition === undefined) return invalidIfMatch();
  } else if (ifNoneMatch !== null) {
    if (ifNoneMatch !== "*") return invalid("If-None-Match on a command must be *");
    precondition = "missing";
  }
  const key = keyHeader === null ? undefined : parseKey(keyHeader);
  if (keyHeader !== null && key === undefined) {
    return invalid('Idempotency-Key must be 1 to 255 visible ASCII characters, within "" or bare');
  }
  const traceparent = trace !== null && TRACEPARENT.test(trace) ? trace : undefined;
  return { is: "headers", key, precondition, traceparent };
}

export function isCorrelationId(text: string): boolean {
  return CORRELATION_ID.test(text);
}

/** What a read of a version answers with: itself, or that the caller has it (304), or that it is another one (412). */
export function compareVersion(headers: Headers, version: number): "send" | "not_modified" | Problem {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) {
    const wanted = parseIfMatch(ifMatch);
    if (wanted === undefined) return invalidIfMatch();
    if (typeof wanted === "object" && wanted.version !== version) return versionMismatch(version);
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch === null) return "send";
  if (ifNoneMatch === "*") return "not_modified";
  if (!ENTITY_TAGS.test(ifNoneMatch)) return invalid('If-None-Match must be entity tags like "3", W/"4", or *');
  const known = String(version);
  for (const [, tag] of ifNoneMatch.matchAll(OPAQUE_TAG)) if (tag === known) return "not_modified";
  return "send";
}

export function versionMismatch(currentVersion: number): Problem {
  const detail = currentVersion === 0 ? "It does not exist" : `The current version is ${currentVersion}`;
  return problem("precondition_failed", { detail });
}

export function consistencyToken({ aggregateType, aggregateId, version }: Write): string {
  return btoa(JSON.stringify([aggregateType, aggregateId, version]))
    .replace(NOT_BASE64URL, (character) => character === "+" ? "-" : character === "/" ? "_" : "");
}

export type Wait = {
  readonly is: "wait";
  readonly write: Write;
  readonly timeoutMs: number;
  /** The preference that was honoured, for `Preference-Applied`. */
  readonly applied: string | undefined;
};

/** What a read of a view has to wait for; undefined when the caller asks for nothing. */
export function readWait(headers: Headers, registry: Registry): Wait | Problem | undefined {
  const token = headers.get("consistency-token");
  if (token === null) return undefined;
  const write = parseToken(token, registry);
  if (write === undefined) return invalid("Consistency-Token must be one that a command's answer carried");
  const asked = parseWait(headers.get("prefer"));
  const seconds = Math.min(asked ?? WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX);
  return { is: "wait", write, timeoutMs: seconds * 1000, applied: asked === undefined ? undefined : `wait=${seconds}` };
}

function parseIfMatch(text: string): Precondition | undefined {
  if (text === "*") return "exists";
  const version = STRONG_VERSION.exec(text)?.[1];
  return version === undefined ? undefined : { version: Number(version) };
}

function parseKey(text: string): string | undefined {
  return QUOTED_KEY.exec(text)?.[1] ?? (BARE_KEY.test(text) ? text : undefined);
}

function parseToken(token: string, registry: Registry): Write | undefined {
  if (!BASE64URL.test(token)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(token, { alphabet: "base64url" })));
  } catch {
    return undefined;
  }
  if (!Array.isArray(content) || content.length !== 3) return undefined;
  const [aggregateType, aggregateId, version] = content;
  if (typeof aggregateType !== "string" || typeof aggregateId !== "string") return undefined;
  const served = registry.byName.get(aggregateType);
  if (served === undefined || !isId(served.module.id, aggregateId)) return undefined;
  return Number.isSafeInteger(version) && version > 0 ? { aggregateType, aggregateId, version } : undefined;
}

/** RFC 7240: preferences are a list, parameters follow a semicolon, the first of several equal ones counts. */
function parseWait(prefer: string | null): number | undefined {
  const wait = prefer?.split(",").map((each) => each.split(";", 1)[0]?.trim() ?? "").find((each) =>
    /^wait\b/i.test(each)
  );
  const seconds = wait === undefined ? undefined : WAIT.exec(wait)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

function invalidIfMatch(): Problem {
  return invalid('If-Match must be one strong version like "3", or *');
}

function invalid(detail: string): Problem {
  return problem("invalid_header", { detail });
}
