import { z } from "zod";
import { StartError } from "../../core/ports/plugin.ts";
import type { KafkaAccess, TopicSettings } from "./kafka_client.ts";

const MAX_PARTITIONS = 1_000;
const NEVER = -1;
const partitions = `expected a whole number from 1 to ${MAX_PARTITIONS}`;

/** The environment variables that say where the broker is, whom to log in as, and how topics are made. */
export const kafkaConfig = z.object({
  /** `host` or `host:port`, with commas between them. */
  REDPANDA_BROKERS: z.string().transform(parseBrokers),
  KAFKA_CLIENT: z.enum(["kafkajs", "platformatic"]).default("kafkajs"),
  /** Of every topic, for good: a key's events keep their order only while this stays what it is. */
  KAFKA_PARTITIONS: z.string().regex(/^[1-9][0-9]{0,3}$/, partitions).transform(Number)
    .refine((value) => value <= MAX_PARTITIONS, partitions).default(6),
  /** Left out: three, or as many as there are brokers. */
  KAFKA_REPLICATION: z.string().regex(/^[1-9][0-9]{0,2}$/, "expected a whole number from 1 to 999").transform(Number)
    .optional(),
  /** Of topics that are made; -1: for ever. */
  KAFKA_RETENTION_MS: z.string().regex(/^(-1|[0-9]{1,15})$/, "expected milliseconds, or -1: for ever").transform(Number)
    .default(NEVER),
  KAFKA_TLS: z.enum(["on", "off"]).default("off"),
  /** A file with the certificates to trust, in PEM; left out: those that the system trusts. */
  KAFKA_CA_FILE: z.string().min(1, "expected a path, found nothing").optional(),
  KAFKA_SASL: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
  KAFKA_USERNAME: z.string().optional(),
  KAFKA_PASSWORD: z.string().optional(),
});

export type KafkaConfig = z.output<typeof kafkaConfig>;

/** Reads the file of certificates. Throws a `StartError`, which never tells a password. */
export async function accessOf(config: KafkaConfig): Promise<KafkaAccess> {
  const { REDPANDA_BROKERS: brokers, KAFKA_TLS, KAFKA_CA_FILE, KAFKA_SASL: mechanism } = config;
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = config;
  if (mechanism === undefined && (username !== undefined || password !== undefined)) {
    throw new StartError("Cannot log in to the broker: expected KAFKA_SASL with KAFKA_USERNAME, found none");
  }
  if (mechanism !== undefined && (username === undefined || password === undefined)) {
    throw new StartError(`KAFKA_SASL=${mechanism} needs KAFKA_USERNAME and KAFKA_PASSWORD; set both`);
  }
  if (KAFKA_TLS === "off" && KAFKA_CA_FILE !== undefined) {
    throw new StartError("KAFKA_CA_FILE is of no use without TLS; set KAFKA_TLS=on, or leave it out");
  }
  return {
    brokers,
    tls: KAFKA_TLS === "on" ? { ca: KAFKA_CA_FILE === undefined ? undefined : await readCa(KAFKA_CA_FILE) } : undefined,
    sasl: mechanism === undefined ? undefined : { mechanism, username: username ?? "", password: password ?? "" },
  };
}

export function settingsOf(config: KafkaConfig): TopicSettings {
  const { KAFKA_PARTITIONS: partitions, KAFKA_REPLICATION: replication, KAFKA_RETENTION_MS: retentionMs } = config;
  return { partitions, replication, retentionMs };
}

async function readCa(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`Cannot read the certificates of KAFKA_CA_FILE=${path}: ${reason}`, { cause: error });
  }
}

const DEFAULT_PORT = 9092;

function parseBrokers(text: string, context: z.RefinementCtx): readonly string[] {
  const brokers = text.split(",").map((broker) => broker.trim());
  if (brokers.every((broker) => /^(\[[0-9a-f:]+\]|[\w.-]+)(:\d{1,5})?$/i.test(broker))) {
    return brokers.map((broker) => /:\d+$/.test(broker.replace(/^\[.*\]/, "")) ? broker : `${broker}:${DEFAULT_PORT}`);
  }
  context.addIssue({ code: "custom", message: `expected brokers as in "host:9092,other:9092"` });
  return z.NEVER;
}
