import type { Service } from "../../../tasks/child.ts";
import { type CopyOptions, startCopy } from "../copy.ts";

const MAIN = "bench/cluster/change_log/logged_service.ts";
const POLL_MS = 100;
const QUICK_WITHIN_MS = 30_000;

/** Starts a copy that takes commands and writes the log, or one that reads it and feeds the projections. */
export function startLogged(role: "writes" | "reads", { environment = {}, ...options }: CopyOptions): Promise<Service> {
  const ROLES = role === "writes" ? "serve" : "serve,stream";
  return startCopy({ ...options, main: MAIN, environment: { ...environment, ROLES } });
}

/** Whether this copy relies upon the log, and asks for announcements but seldom. */
export async function reliesOnLog({ operatorUrl }: Service): Promise<boolean> {
  const { checks } = await (await fetch(`${operatorUrl}/readyz`)).json();
  return checks.storage_scylla.detail.log_is_quick === true;
}

export async function whenReliesOnLog(copy: Service): Promise<void> {
  const sinceMs = performance.now();
  while (!await reliesOnLog(copy)) {
    if (performance.now() - sinceMs > QUICK_WITHIN_MS) {
      throw new Error(`expected a copy to rely upon the log within ${QUICK_WITHIN_MS} ms, found that it does not`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
