import { exists } from "../servers/cache.ts";
import { FIND_JAVA } from "../servers/classpath.ts";
import { type JavaServer, type ServerKind, type ServerOptions, startJavaServer } from "../servers/java_server.ts";
import { shell } from "../servers/shell.ts";
import { configurationText, javaArguments, type Listener } from "./configuration.ts";
import { answersKafka } from "./kafka_probe.ts";

const HOME = import.meta.dirname ?? ".";
/** Any will do: there is one node. */
const CLUSTER_ID = "YW5uYWxzLXRlc3RzLWthZg";
const FORMAT = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"];
export const SCRAM_MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

export const KAFKA: ServerKind = {
  name: "Kafka",
  folder: "kafka",
  javaVersions: [17, 21, 25],
  pom: `${HOME}/pom.xml`,
  downloadMb: 45,
  logs: ["server.log"],
  answers: answersKafka,
};

export type KafkaOptions = ServerOptions & {
  /** None when left out. */
  readonly listeners?: readonly Listener[];
  /** Who can log in by SCRAM, as name and password. */
  readonly users?: Readonly<Record<string, string>>;
  /** More of `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** At most, as the JVM writes it; `384m` when left out. */
  readonly heap?: string;
};

/**
 * Starts an Apache Kafka 4 of one node, as `startJavaServer()` starts a server. It makes no topic by itself. A kill
 * loses nothing that it acknowledged.
 */
export async function startKafka(
  { listeners = [], users = {}, settings = {}, heap = "384m", ...options }: KafkaOptions = {},
): Promise<JavaServer> {
  return await startJavaServer(KAFKA, {
    ...options,
    async prepare({ directory, host, port, innerPort: controllerPort, classpath }) {
      const properties = `${directory}/server.properties`;
      const template = await Deno.readTextFile(`${HOME}/server.properties`);
      const configuration = { directory, host, port, controllerPort, listeners, settings };
      await Deno.writeTextFile(properties, configurationText(template, configuration));
      const args = javaArguments({ directory, home: HOME, classpath });
      if (!await exists(`${directory}/log/meta.properties`)) {
        await format([...args, ...FORMAT, properties, ...Object.entries(users).flatMap(scramArguments)]);
      }
      return ["-Xms128m", `-Xmx${heap}`, ...args, "kafka.Kafka", properties];
    },
  });
}

/** Makes the directory the one of a new cluster. */
async function format(args: readonly string[]): Promise<void> {
  const script = `${FIND_JAVA}\nexec "$java" -XX:TieredStopAtLevel=1 "$@"`;
  const { code, stdout, stderr } = await shell(script, ["sh", ...args]);
  if (code !== 0) throw new Error(`expected Kafka to format its directory, found:\n${(stdout + stderr).slice(-4000)}`);
}

function scramArguments([name, password]: readonly [string, string]): string[] {
  return SCRAM_MECHANISMS.flatMap((mechanism) => ["--add-scram", `${mechanism}=[name=${name},password=${password}]`]);
}
