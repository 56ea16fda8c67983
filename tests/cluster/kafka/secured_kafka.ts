import { makeCertificate } from "../servers/certificate.ts";
import type { JavaServer } from "../servers/java_server.ts";
import { freePorts } from "../servers/ports.ts";
import { claimDirectory } from "../servers/server_directory.ts";
import type { Listener } from "./configuration.ts";
import { SCRAM_MECHANISMS, startKafka } from "./kafka.ts";

const HOST = "127.0.0.1";
const MODULES = "org.apache.kafka.common.security";

/** A Kafka with two more ways in beside the plain one, which are closed to all but its users. */
export type SecuredKafka = AsyncDisposable & {
  /** Its plain way in, and what can be done to it. */
  readonly server: JavaServer;
  /** `host:port`: TLS, and a login by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
  readonly address: string;
  /** `host:port`: TLS alone. */
  readonly tlsAddress: string;
  /** In PEM: what its certificate is to be checked against. */
  readonly authority: string;
};

/** As `startKafka()`; `users` are names with passwords, of letters and digits. */
export async function startSecuredKafka(users: Readonly<Record<string, string>>): Promise<SecuredKafka> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await claimDirectory("certificates"));
  const { keystore, password, authority } = await makeCertificate(directory.path, HOST);
  const [login = 0, tls = 0] = freePorts(HOST, 2);
  const listeners: Listener[] = [
    { name: "LOGIN", protocol: "SASL_SSL", port: login },
    { name: "TLS", protocol: "SSL", port: tls },
  ];
  const settings = {
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": keystore,
    "ssl.keystore.password": password,
    ...loginSettings("listener.name.login", users),
  };
  const server = stack.use(await startKafka({ listeners, users, settings }));
  const owned = stack.move();
  return {
    server,
    address: `${HOST}:${login}`,
    tlsAddress: `${HOST}:${tls}`,
    authority,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

function loginSettings(listener: string, users: Readonly<Record<string, string>>): Record<string, string> {
  const known = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`).join(" ");
  const scram = SCRAM_MECHANISMS.map((mechanism) => [
    `${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`,
    `${MODULES}.scram.ScramLoginModule required;`,
  ]);
  return {
    [`${listener}.sasl.enabled.mechanisms`]: ["PLAIN", ...SCRAM_MECHANISMS].join(),
    [`${listener}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required ${known};`,
    ...Object.fromEntries(scram),
  };
}
