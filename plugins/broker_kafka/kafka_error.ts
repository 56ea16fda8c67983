/**
 * Why a call gave no answer. `rejected`: the broker takes no such batch, nothing of it was stored nor ever will be;
 * `unknown_topic` and `out_of_range`: there is none such; `denied`: an operator must mend it; `away`: anything else,
 * and what was sent may have been stored, or may be later.
 */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly kind: "rejected" | "unknown_topic" | "out_of_range" | "denied" | "away";
  constructor(kind: KafkaError["kind"], message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/** What a driver's error says. It may lie some causes below: by Kafka's own names of errors, any other is `away`. */
export function toKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const found = innermost(error);
  const reason = found instanceof Error ? found.message : String(found);
  return new KafkaError(KINDS.get(nameOf(found) ?? "") ?? "away", `Kafka: ${reason}`, { cause: error });
}

/** Waits for an answer of a driver. Throws a `KafkaError`. */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toKafkaError(error);
  }
}

const MAX_DEPTH = 10;

/** The first on the way down that has a name, or the last. */
function innermost(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error) || nameOf(error) !== undefined || depth >= MAX_DEPTH) return error;
  const below: unknown = "errors" in error && Array.isArray(error.errors) ? error.errors[0] : error.cause;
  return below instanceof Error ? innermost(below, depth + 1) : error;
}

function nameOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("type" in error && typeof error.type === "string") return error.type;
  if ("apiId" in error && typeof error.apiId === "string") return error.apiId;
  if (error.name === "KafkaJSSASLAuthenticationError") return "SASL_AUTHENTICATION_FAILED";
  if (/^Unknown topic /.test(error.message)) return "UNKNOWN_TOPIC_OR_PARTITION";
  return "code" in error && error.code === "PLT_KFK_AUTHENTICATION" ? "SASL_AUTHENTICATION_FAILED" : undefined;
}

const KINDS: ReadonlyMap<string, KafkaError["kind"]> = new Map(
  [
    ["MESSAGE_TOO_LARGE", "rejected"],
    ["RECORD_LIST_TOO_LARGE", "rejected"],
    ["INVALID_RECORD", "rejected"],
    ["INVALID_TIMESTAMP", "rejected"],
    ["POLICY_VIOLATION", "rejected"],
    ["UNKNOWN_TOPIC_OR_PARTITION", "unknown_topic"],
    ["UNKNOWN_TOPIC_ID", "unknown_topic"],
    ["OFFSET_OUT_OF_RANGE", "out_of_range"],
    ["SASL_AUTHENTICATION_FAILED", "denied"],
    ["ILLEGAL_SASL_STATE", "denied"],
    ["UNSUPPORTED_SASL_MECHANISM", "denied"],
    ["TOPIC_AUTHORIZATION_FAILED", "denied"],
    ["GROUP_AUTHORIZATION_FAILED", "denied"],
    ["CLUSTER_AUTHORIZATION_FAILED", "denied"],
  ] satisfies [string, KafkaError["kind"]][],
);
