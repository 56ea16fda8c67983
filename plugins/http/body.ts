import type { BodyMemory } from "./body_memory.ts";
import type { Deadlines } from "./deadlines.ts";
import { type JsonLimits, refuseJson } from "./json_limits.ts";
import { type Problem, problem } from "./problems.ts";

export type BodyLimits = JsonLimits & { readonly bytes: number };
export type Body = { readonly is: "body"; readonly value: unknown };

type Bytes = Uint8Array<ArrayBuffer>;
type Excess = "too_large" | "no_room";

/** A body of so many bytes takes no more than its connection does, so it is not counted. */
const SMALL_BYTES = 16 * 1024;
const JSON_TYPE = /^application\/json[ \t]*(?:;.*)?$/i;
const DECODER = new TextDecoder("utf-8", { fatal: true });
/** The rest of a body that nobody reads would be in the way of the connection's next request. */
const CLOSE = { connection: "close" };

/**
 * Reads one JSON value, within the limits and in time, and holds nothing of it once that is decided. Whatever ends the
 * body early counts as not in time.
 */
export async function readBody(
  request: Request,
  { limits, bodyDeadlines, bodyMemory }: { limits: BodyLimits; bodyDeadlines: Deadlines; bodyMemory: BodyMemory },
): Promise<Body | Problem> {
  const wrongType = refuseType(request.headers);
  if (wrongType !== undefined) return wrongType;
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limits.bytes) return tooLarge(limits);
  const isSmall = length !== null && Number(length) <= SMALL_BYTES;
  const reader = isSmall ? undefined : request.body?.getReader();
  let bytes: Bytes | Excess | "late";
  try {
    const reading = reader === undefined ? request.bytes() : readAtMost(reader, { limits, bodyMemory });
    bytes = await bodyDeadlines.race(reading, "late");
  } catch {
    bytes = "late";
  }
  if (typeof bytes !== "string") return parse(bytes, limits);
  // A read that waits ends with this, and gives its memory back.
  reader?.cancel().catch(() => {});
  if (bytes === "too_large") return tooLarge(limits);
  if (bytes === "late") return problem("body_timeout", { headers: CLOSE });
  return problem("overloaded", { detail: "There are too many large bodies on their way", headers: CLOSE });
}

function refuseType(headers: Headers): Problem | undefined {
  const type = headers.get("content-type");
  if (type !== "application/json" && (type === null || !JSON_TYPE.test(type))) {
    return problem("unsupported_media_type", { detail: "Content-Type must be application/json" });
  }
  if (headers.has("content-encoding")) {
    return problem("unsupported_media_type", { detail: "The body must not have a Content-Encoding" });
  }
  return undefined;
}

async function readAtMost(
  reader: ReadableStreamDefaultReader<Bytes>,
  { limits, bodyMemory }: { limits: BodyLimits; bodyMemory: BodyMemory },
): Promise<Bytes | Excess> {
  const chunks: Bytes[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value: chunk } = await reader.read();
      if (done) return joined(chunks, size);
      if (size + chunk.length > limits.bytes) return "too_large";
      if (!bodyMemory.take(chunk.length)) return "no_room";
      size += chunk.length;
      chunks.push(chunk);
    }
  } finally {
    bodyMemory.free(size);
  }
}

function joined(chunks: readonly Bytes[], size: number): Bytes {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function parse(bytes: Bytes, limits: BodyLimits): Body | Problem {
  let text: string;
  try {
    text = DECODER.decode(bytes);
  } catch {
    return problem("malformed_json", { detail: "The body is not UTF-8" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return problem("malformed_json", error instanceof SyntaxError ? { detail: error.message } : {});
  }
  return refuseJson(text, { value, limits }) ?? { is: "body", value };
}

function tooLarge(limits: BodyLimits): Problem {
  return problem("payload_too_large", { detail: `A body has at most ${limits.bytes} bytes`, headers: CLOSE });
}
