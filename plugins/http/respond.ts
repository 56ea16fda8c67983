/** Of every answer: nothing guesses what a body is, frames it, loads it as its own, or hears where its reader was. */
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

/** Makes every answer, with all its headers at once: one that is set later costs what Deno has prepared to send. */
export function respond(body: BodyInit | null, { correlationId, status = 200, headers }: Answered): Response {
  return new Response(body, {
    status,
    headers: { ...SECURITY_HEADERS, "x-correlation-id": correlationId, ...headers },
  });
}
