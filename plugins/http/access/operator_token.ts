import { StartError } from "../../../core/ports/plugin.ts";
import { isLoopback } from "../../../core/engine/loopback.ts";
import { type Config, token } from "../config.ts";

/** The operator's token; undefined where there is none and the door is on loopback. Throws a `StartError`. */
export async function readOperatorToken(
  { METRICS_HOST, OPERATOR_TOKEN, OPERATOR_TOKEN_FILE: path }: Config,
): Promise<string | undefined> {
  if (OPERATOR_TOKEN !== undefined && path !== undefined) {
    throw new StartError("OPERATOR_TOKEN and OPERATOR_TOKEN_FILE exclude each other; set one of them");
  }
  const found = path === undefined ? OPERATOR_TOKEN : await readToken(path);
  if (found !== undefined || isLoopback(METRICS_HOST)) return found;
  throw new StartError(
    `Cannot open the operator's door on METRICS_HOST=${METRICS_HOST} without a token: set OPERATOR_TOKEN_FILE or ` +
      "OPERATOR_TOKEN, or METRICS_HOST=127.0.0.1",
  );
}

async function readToken(path: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot read OPERATOR_TOKEN_FILE=${path}: ${why}`, { cause });
  }
  const { success, data, error } = token().safeParse(text.trim());
  if (success) return data;
  throw new StartError(`OPERATOR_TOKEN_FILE=${path} holds no token: ${error.issues[0]?.message}`);
}
