import { type Handler, json, type Kernel } from "./call.ts";
import { OPERATOR } from "../../core/ports/authenticator.ts";
import type { Health } from "../../core/ports/plugin.ts";
import { NO_NAMES, readQuery } from "./query.ts";

const HEADERS = { "cache-control": "no-store" };

/** `/livez`: the process answers; no dependency is asked. */
export const getLivez: Handler = (call) => {
  const query = readQuery(call.request.url, NO_NAMES);
  return query.is === "problem" ? query : json(call, { body: { status: "pass", checks: {} }, headers: HEADERS });
};

/** `/readyz`: whether to send requests here. Only operators are told the reasons. */
export function getReadyz({ lifecycle }: Kernel): Handler {
  return (call) => {
    const query = readQuery(call.request.url, NO_NAMES);
    if (query.is === "problem") return query;
    const isOperator = call.principal === OPERATOR;
    const phase = lifecycle.phase();
    const app: Health = phase === "ready" ? { status: "pass" } : { status: "fail", reason: phase };
    const checks: [string, Health][] = [["app", app], ...lifecycle.health()];
    const status = worst(checks.map(([, health]) => health.status));
    const shown = checks.map(([name, health]) => [name, isOperator ? health : { status: health.status }] as const);
    const body = { status, checks: Object.fromEntries(shown) };
    return json(call, { status: status === "fail" ? 503 : 200, body, headers: HEADERS });
  };
}

function worst(statuses: readonly Health["status"][]): Health["status"] {
  return (["fail", "warn"] as const).find((status) => statuses.includes(status)) ?? "pass";
}
