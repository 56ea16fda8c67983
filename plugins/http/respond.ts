/** Nothing guesses what a body is, frames it, loads it as its own, or hears where its reader was. */
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
} as const;

export type Answered = {
  readonly correlationId: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * Makes every answer but those to commands that were taken, with all its headers at once: one that is set later costs
 * what Deno has prepared to send.
 */
export function respond(body: BodyInit | null, { correlationId, status = 200, headers }: Answered): Response {
  return new Response(body, {
    status,
    headers: { ...SECURITY_HEADERS, "x-correlation-id": correlationId, ...headers },
  });
}

const JSON_TYPE = { "content-type": "application/json" };

/**
 * The answer to a command that was taken. No page can show, frame, embed or follow what is asked for with a body of
 * JSON, so of what tells browsers what not to do it has only that nothing guesses what the body is. Its headers are
 * appended to an answer that has none but its type, which Deno has nothing prepared for (2.9): given all at once, or
 * with the three that say nothing here, they took 8 % of a deposit's processor time more.
 */
export function respondToCommand(body: string, { correlationId, status, headers }: Required<Answered>): Response {
  const response = new Response(body, { status, headers: JSON_TYPE });
  const own = response.headers;
  own.append("x-content-type-options", SECURITY_HEADERS["x-content-type-options"]);
  own.append("x-correlation-id", correlationId);
  for (const [name, value] of Object.entries(headers)) own.append(name, value);
  return response;
}
