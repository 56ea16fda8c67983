import { z } from "zod";
import { trustedProxies } from "./access/client_address.ts";
import { origins } from "./access/cors.ts";

/** The environment variables of the doors, with their defaults. */
export const config = z.object({
  PORT: port(8000),
  HOST: host(),
  METRICS_PORT: port(9090),
  METRICS_HOST: host(),
  OPERATOR_TOKEN: token().optional(),
  OPERATOR_TOKEN_FILE: z.string().min(1, "expected a path, found nothing").optional(),
  AUTH: z.enum(["none", "jwt"]).optional(),
  CORS_ORIGINS: origins.optional(),
  TRUSTED_PROXIES: trustedProxies.optional(),
  RATE_LIMIT: rateLimit().optional(),
  RATE_LIMIT_GLOBAL: rateLimit().optional(),
  REQUEST_LIMIT: wholeNumber({ fallback: 10_000, max: 1_000_000 }),
  BODY_LIMIT_BYTES: wholeNumber({ fallback: 256 * 1024, max: 64 * 1024 * 1024 }),
  BODY_MEMORY_BYTES: wholeNumber({ fallback: 64 * 1024 * 1024, max: 999_999_999 }),
  BODY_TIMEOUT_MS: wholeNumber({ fallback: 5_000, max: 60_000 }),
  COMMAND_TIMEOUT_MS: wholeNumber({ fallback: 15_000, max: 25_000 }),
  JSON_DEPTH_LIMIT: wholeNumber({ fallback: 32, max: 1_000 }),
  JSON_KEYS_LIMIT: wholeNumber({ fallback: 10_000, max: 1_000_000 }),
  DRAIN_MS: number({ min: 0, max: 5_000 }).default(1_000),
  LIVE_STREAM_LIMIT: wholeNumber({ fallback: 10_000, max: 1_000_000 }),
  LIVE_STREAMS_PER_CLIENT: wholeNumber({ fallback: 1_000, max: 1_000_000 }),
  LIVE_HEARTBEAT_MS: wholeNumber({ fallback: 15_000, max: 600_000 }),
  LIVE_SLOW_READER_MS: wholeNumber({ fallback: 30_000, max: 600_000 }),
  PAGE_LIMIT: wholeNumber({ fallback: 1_000, max: 10_000 }),
});

export type Config = z.output<typeof config>;

/** What the operator's token must look like, wherever it stands. */
export function token() {
  return z.string().regex(/^[A-Za-z0-9._~+/-]{32,500}=*$/, "expected 32 or more characters of A-Z a-z 0-9 . _ ~ + / -");
}

function rateLimit() {
  const form = /^[1-9][0-9]{0,8}\/[1-9][0-9]{0,5}$/;
  return z.string().regex(form, "expected <requests>/<seconds>, like 100/60").transform((text) => {
    const [requests = 0, seconds = 0] = text.split("/").map(Number);
    return { requests, seconds };
  });
}

function host() {
  return z.string().min(1, "expected an address of this machine, like 127.0.0.1, found nothing").default("127.0.0.1");
}

function port(fallback: number) {
  return number({ min: 0, max: 65_535 }).default(fallback);
}

function wholeNumber({ fallback, max }: { fallback: number; max: number }) {
  return number({ min: 1, max }).default(fallback);
}

function number({ min, max }: { min: number; max: number }) {
  const message = `expected a whole number from ${min} to ${max}`;
  return z.string().regex(/^[0-9]{1,9}$/, message).transform(Number).refine(
    (value) => value >= min && value <= max,
    message,
  );
}
