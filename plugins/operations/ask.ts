import { z } from "zod";
import type { Asker, Request, RequestLog } from "../../core/engine/request_log.ts";
import type { Log } from "../../core/ports/telemetry.ts";

/** Whoever asks, for the audit. */
export const by = z.string().min(1).max(100).default("operator");
export const reason = z.string().trim().min(1, "expected a reason").max(500);

/** Stores a request and says so in the log, or gives false where `decide` finds nothing to ask for. */
export type Ask = (asker: Asker, decide: () => Promise<Request | undefined>) => Promise<boolean>;

export function createAsk(requests: RequestLog, log: Log): Ask {
  return async (asker, decide) => {
    let asked: Request | undefined;
    await requests.add(asker, async () => asked = await decide());
    if (asked === undefined) return false;
    const { by, correlationId: correlation_id } = asker;
    log.info("An operator's request was stored", { request: asked.type, by, correlation_id, ...asked.data });
    return true;
  };
}
