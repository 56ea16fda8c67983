import type { Client } from "cassandra-driver";

/**
 * Ends what the driver (4.8 to 4.10) forgets: having lost every connection it makes new hosts in place of the ones it
 * has, whose connections and timers would outlive `shutdown()` and keep the process from ending.
 */
export function endForgottenHosts(client: Client): void {
  client.on("hostRemove", (host) => {
    if ("shutdown" in host && typeof host.shutdown === "function") host.shutdown(false);
  });
}
