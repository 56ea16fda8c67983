import { createHash } from "node:crypto";
import type { Call, Handler } from "./call.ts";
import { NO_NAMES, readQuery } from "./query.ts";
import { respond } from "./respond.ts";

/** A body that stays as it is until the service is started anew. */
export type Fixed = { readonly body: string; readonly headers: Readonly<Record<string, string>> };

/** Reads the body when it is first asked for, and from then on answers those who have it with 304. */
export function fixedHandler(read: () => Fixed | Promise<Fixed>): Handler {
  let reading: Promise<Fixed & { readonly etag: string }> | undefined;
  return async (call) => {
    const query = readQuery(call.request.url, NO_NAMES);
    if (query.is === "problem") return query;
    reading ??= withTag(read);
    // What could not be read is read again for the next one who asks.
    reading.catch(() => reading = undefined);
    return sendOrAgree(call, await reading);
  };
}

async function withTag(read: () => Fixed | Promise<Fixed>) {
  const fixed = await read();
  return { ...fixed, etag: `"${createHash("sha256").update(fixed.body).digest("base64url")}"` };
}

function sendOrAgree(
  { request, correlationId }: Call,
  { body, headers, etag }: Fixed & { readonly etag: string },
): Response {
  const known = request.headers.get("if-none-match");
  // Nobody guesses the tag, so wherever it stands in the list, it is meant.
  if (known !== null && (known.trim() === "*" || known.includes(etag))) {
    const { "content-type": _ofNoBody, ...others } = headers;
    return respond(null, { correlationId, status: 304, headers: { etag, ...others } });
  }
  return respond(body, { correlationId, headers: { etag, ...headers } });
}
