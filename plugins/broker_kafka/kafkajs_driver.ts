// edge: a driver
import { connect, isIP, type Socket } from "node:net";
import process from "node:process";
import { connect as connectTls } from "node:tls";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import type { KafkaAccess, KafkaTimes } from "./kafka_client.ts";

/** An instance of the driver whose connections can be cut at once: its own way of closing waits for answers. */
export type Driver = { readonly kafka: Kafka; close(): void };

silenceTimers();

export function openDriver({ brokers, tls, sasl }: KafkaAccess, { connectMs, requestMs }: KafkaTimes): Driver {
  const sockets = new Set<Socket>();
  let isClosed = false;
  const socketFactory: NonNullable<KafkaConfig["socketFactory"]> = ({ host, port, ssl, onConnect }) => {
    if (isClosed) throw new Error("the client is closed");
    const socket = tls === undefined
      ? connect({ host, port }, onConnect)
      : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
    socket.setKeepAlive(true, 60_000);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const kafka = new Kafka({
    clientId: "annals",
    brokers: [...brokers],
    connectionTimeout: connectMs,
    authenticationTimeout: connectMs,
    requestTimeout: requestMs,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
    socketFactory,
    ...(tls === undefined ? {} : { ssl: tls.ca === undefined ? true : { ca: [tls.ca] } }),
    // A copy: the driver writes into it.
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
  });
  return {
    kafka,
    close() {
      isClosed = true;
      // An error, unlike an end, fails at once whatever waits for an answer.
      for (const socket of sockets) socket.destroy(new Error("the client is closed"));
    },
  };
}

/** The driver sets timers with a time below zero, of which the runtime would warn on standard error. */
function silenceTimers(): void {
  process.emitWarning = new Proxy(process.emitWarning, {
    apply: (warn, self, [text, type, ...rest]) =>
      type === "TimeoutNegativeWarning" ? undefined : Reflect.apply(warn, self, [text, type, ...rest]),
  });
}
