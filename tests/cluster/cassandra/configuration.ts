/** When the server writes its commit log out: with `periodic` a kill can lose the last acknowledged writes. */
export const COMMITLOG_SYNCS = ["batch", "group", "periodic"] as const;
export const PAXOS_VARIANTS = ["v1", "v2"] as const;

export type CommitlogSync = typeof COMMITLOG_SYNCS[number];
export type Paxos = typeof PAXOS_VARIANTS[number];

export type Configuration = {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly storagePort: number;
  readonly paxos: Paxos;
  readonly commitlogSync: CommitlogSync;
  /** As the JVM writes it: `768m`. */
  readonly heap: string;
};

const COMMITLOG: Readonly<Record<CommitlogSync, Readonly<Record<string, string>>>> = {
  batch: {},
  group: { commitlog_sync_group_window: "5ms" },
  periodic: { commitlog_sync_period: "10000ms" },
};

/** The text of the server's `cassandra.yaml`; JSON is YAML. */
export function configurationText(template: string, configuration: Configuration): string {
  const { directory, host, port, storagePort, paxos, commitlogSync } = configuration;
  const seeds = { class_name: "org.apache.cassandra.locator.SimpleSeedProvider" };
  const settings = {
    listen_address: host,
    rpc_address: host,
    native_transport_port: port,
    storage_port: storagePort,
    seed_provider: [{ ...seeds, parameters: [{ seeds: `${host}:${storagePort}` }] }],
    data_file_directories: [`${directory}/data`],
    commitlog_directory: `${directory}/commitlog`,
    hints_directory: `${directory}/hints`,
    saved_caches_directory: `${directory}/saved_caches`,
    commitlog_sync: commitlogSync,
    ...COMMITLOG[commitlogSync],
    paxos_variant: paxos,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  return template + lines.join("");
}

/** The arguments of `java`, by the rows of `jvm.options`. */
export function javaArguments(
  options: string,
  { classpath, home, configuration: { directory, heap } }: {
    readonly classpath: string;
    /** Where `logback.xml` lies. */
    readonly home: string;
    readonly configuration: Configuration;
  },
): string[] {
  const rows = options.split("\n").filter((row) => row !== "" && !row.startsWith("#"));
  const jamm = classpath.split(":").find((jar) => /\/jamm-[^/]*\.jar$/.test(jar));
  return [
    ...rows,
    ...["-Xms128m", `-Xmx${heap}`, `-XX:HeapDumpPath=${directory}/logs`],
    ...(jamm === undefined ? [] : [`-javaagent:${jamm}`]),
    `-Djava.io.tmpdir=${directory}/tmp`,
    `-Dcassandra.storagedir=${directory}`,
    `-Dcassandra.config=file://${directory}/cassandra.yaml`,
    `-Dcassandra.logdir=${directory}/logs`,
    `-Dlogback.configurationFile=file://${home}/logback.xml`,
    "-Dcassandra-foreground=yes",
    ...["-cp", classpath, "org.apache.cassandra.service.CassandraDaemon"],
  ];
}
