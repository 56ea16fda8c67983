import { Unavailable } from "../../core/ports/event_store.ts";
import { CqlError } from "./session.ts";

/** What the ports call it when the database gives no answer; any other error stays what it is. */
export function toUnavailable(error: unknown): unknown {
  return error instanceof CqlError ? new Unavailable(error.message, { cause: error }) : error;
}
