/** A way in beside the plain one. */
export type Listener = {
  /** In capitals. */
  readonly name: string;
  readonly protocol: "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  readonly port: number;
};

export type Configuration = {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly listeners: readonly Listener[];
  /** More of `server.properties`. */
  readonly settings: Readonly<Record<string, string>>;
};

/** The text of the broker's `server.properties`. */
export function configurationText(template: string, configuration: Configuration): string {
  const { directory, host, port, controllerPort, listeners, settings } = configuration;
  const plain = { name: "PLAINTEXT", protocol: "PLAINTEXT", port };
  const controller = { name: "CONTROLLER", protocol: "PLAINTEXT", port: controllerPort };
  const doors = [plain, ...listeners];
  const placesOf = (some: typeof doors) => some.map((listener) => `${listener.name}://${host}:${listener.port}`).join();
  const all = {
    "controller.quorum.voters": `1@${host}:${controllerPort}`,
    listeners: placesOf([...doors, controller]),
    "advertised.listeners": placesOf(doors),
    "listener.security.protocol.map": [...doors, controller].map(({ name, protocol }) => `${name}:${protocol}`).join(),
    "log.dirs": `${directory}/log`,
    ...settings,
  };
  return template + Object.entries(all).map(([name, value]) => `${name}=${value}\n`).join("");
}

/** The first arguments of `java`, before those of what it runs. */
export function javaArguments(
  { directory, home, classpath }: {
    readonly directory: string;
    /** Where `log4j2.properties` lies. */
    readonly home: string;
    readonly classpath: string;
  },
): string[] {
  return [
    ...["-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"],
    `-Djava.io.tmpdir=${directory}/tmp`,
    `-Dkafka.logs.dir=${directory}/logs`,
    `-Dlog4j2.configurationFile=file://${home}/log4j2.properties`,
    ...["-cp", classpath],
  ];
}
