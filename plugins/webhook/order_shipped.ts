import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { Unavailable } from "../../core/ports/event_store.ts";
import { defineHandler, type Handler, type Handling } from "../../core/ports/handler.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { PermanentError } from "../../core/ports/subscriber.ts";

export type WebhookParts = {
  readonly url: URL;
  readonly secret: string | undefined;
  readonly runtime: Pick<Runtime, "now">;
};

/** Answers that mean: later. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Posts each shipped order as JSON under its `Idempotency-Key`, with a secret signed as the Standard Webhooks
 * specification says (`webhook-id`, `webhook-timestamp`, `webhook-signature`). 2xx is done. No answer, 5xx, 408, 425,
 * 429 are waited out; any other answer, a redirect too, parks the order.
 */
export function orderShipped(parts: WebhookParts): Handler {
  return defineHandler({
    name: "webhook_order_shipped",
    modules: ["order"],
    on: {
      OrderShipped: {
        schema: z.object({ tracking_number: z.string(), carrier: z.string(), shipped_at: z.string() }),
        async handle(event, { aggregateId: order_id, sequenceNumber: sequence_number }, handling) {
          await post(JSON.stringify({ ...event, order_id, sequence_number }), { ...parts, ...handling });
        },
      },
    },
  });
}

async function post(body: string, { url, secret, runtime, idempotencyKey, signal }: WebhookParts & Handling) {
  const headers = { "content-type": "application/json", "idempotency-key": idempotencyKey };
  const signature = secret === undefined ? {} : sign(body, { secret, id: idempotencyKey, nowMs: runtime.now() });
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: { ...headers, ...signature },
    redirect: "manual",
    signal,
  }).catch((cause: unknown) => {
    throw new Unavailable(`Nobody answers at ${url.host}`, { cause });
  });
  await response.body?.cancel();
  const { status, ok } = response;
  if (ok) return;
  const answered = `${url.host} answered ${status}`;
  if (status >= 500 || LATER.has(status)) throw new Unavailable(answered);
  throw new PermanentError(answered);
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric signatures. */
function sign(body: string, { secret, id, nowMs }: { secret: string; id: string; nowMs: number }) {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}

/** What the specification calls a secret is `whsec_` and the key in base64; any other text is the key itself. */
function keyOf(secret: string): string | Uint8Array {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(secret) ?? [];
  return encoded === undefined ? secret : Buffer.from(encoded, "base64");
}
