import { StartError } from "../core/ports/plugin.ts";

/** Runs a task and ends the process with it: what somebody can mend is told in one line, a fault with its trace. */
export async function endWith(task: () => Promise<void>): Promise<never> {
  try {
    await task();
  } catch (error) {
    console.error(isTold(error) ? `annals: ${error.message}` : error);
    Deno.exit(error instanceof StartError ? error.exitCode : 1);
  }
  Deno.exit(0);
}

/** `Unavailable` among them, and what `parseArgs` has against the arguments. */
function isTold(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if ("code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_")) return true;
  return error instanceof StartError || error.name === "Unavailable";
}
