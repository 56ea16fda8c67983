import { type JavaServer, type ServerKind, type ServerOptions, startJavaServer } from "../servers/java_server.ts";
import { type CommitlogSync, configurationText, javaArguments, type Paxos } from "./configuration.ts";
import { answersCql } from "./cql_probe.ts";

const HOME = import.meta.dirname ?? ".";

export const CASSANDRA: ServerKind = {
  name: "Cassandra",
  folder: "cassandra",
  javaVersions: [11, 17],
  pom: `${HOME}/pom.xml`,
  downloadMb: 92,
  logs: ["system.log"],
  answers: answersCql,
};

export type CassandraOptions = ServerOptions & {
  /** `v2` when left out. */
  readonly paxos?: Paxos;
  /** `batch` when left out: a kill loses nothing that was acknowledged. */
  readonly commitlogSync?: CommitlogSync;
  /** At most, as the JVM writes it; `768m` when left out. */
  readonly heap?: string;
};

/** Starts an Apache Cassandra 5, data centre `datacenter1`, as `startJavaServer()` starts a server. */
export async function startCassandra(
  { paxos = "v2", commitlogSync = "batch", heap = "768m", ...options }: CassandraOptions = {},
): Promise<JavaServer> {
  return await startJavaServer(CASSANDRA, {
    ...options,
    async prepare({ classpath, innerPort: storagePort, ...place }) {
      const configuration = { ...place, storagePort, paxos, commitlogSync, heap };
      const template = await Deno.readTextFile(`${HOME}/cassandra.yaml`);
      await Deno.writeTextFile(`${place.directory}/cassandra.yaml`, configurationText(template, configuration));
      const jvmOptions = await Deno.readTextFile(`${HOME}/jvm.options`);
      return javaArguments(jvmOptions, { classpath, home: HOME, configuration });
    },
  });
}
