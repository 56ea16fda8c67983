/** The server that the tests of a run share, as `tasks/test_cluster.ts` names it in the environment. */

/** `host:port` of the shared server; throws when there is none. */
export function cassandraAddress(): string {
  const address = Deno.env.get("CASSANDRA");
  if (address !== undefined) return address;
  const advice = "run `deno task test:cluster`, or `deno task cassandra` and set CASSANDRA to the address it prints";
  throw new Error(`expected a server's host:port in the variable CASSANDRA, found none; ${advice}`);
}

/**
 * The process of the shared server; undefined when the server is not ours to disturb. A test that pauses or kills it
 * is in an `_alone_cluster_test.ts` and is declared with `ignore: cassandraPid() === undefined`. After a kill the next
 * file gets a new server on the same data.
 */
export function cassandraPid(): number | undefined {
  const pid = Deno.env.get("CASSANDRA_PID");
  return pid === undefined ? undefined : Number(pid);
}

/** Freezes the shared server until disposed: connections stay open and nothing is answered. */
export async function pauseCassandra(): Promise<AsyncDisposable> {
  await signalCassandra("STOP");
  return { [Symbol.asyncDispose]: () => signalCassandra("CONT") };
}

/** Through a shell: `Deno.kill` wants the permission to run any program. */
export async function signalCassandra(signal: "STOP" | "CONT" | "KILL"): Promise<void> {
  const pid = cassandraPid();
  if (pid === undefined) throw new Error("expected CASSANDRA_PID, found none: this server is not ours to disturb");
  const command = new Deno.Command("sh", { args: ["-c", 'kill -s "$0" "$1"', signal, String(pid)] });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`Cannot send ${signal} to the server ${pid}: ${new TextDecoder().decode(stderr)}`);
}
