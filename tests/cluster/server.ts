/** The servers that the tests of a run share, as `tasks/test_cluster.ts` names them in the environment. */
type Variable = "CASSANDRA" | "KAFKA";

/** `host:port` of the shared server; throws when there is none. */
export function cassandraAddress(): string {
  return addressOf("CASSANDRA");
}

/** `host:port` of the shared broker; throws when there is none. */
export function kafkaAddress(): string {
  return addressOf("KAFKA");
}

/**
 * The process of the shared server; undefined when the server is not ours to disturb. A test that pauses or kills it
 * is in an `_alone_cluster_test.ts` and is declared with `ignore: cassandraPid() === undefined`. After a kill the next
 * file gets a new server on the same data.
 */
export function cassandraPid(): number | undefined {
  return pidOf("CASSANDRA");
}

/** As `cassandraPid()`. A test that wants it back within itself starts one of its own, by `startKafka()`. */
export function kafkaPid(): number | undefined {
  return pidOf("KAFKA");
}

/** Freezes the shared server until disposed: connections stay open and nothing is answered. */
export async function pauseCassandra(): Promise<AsyncDisposable> {
  return await pause("CASSANDRA");
}

/** As `pauseCassandra()`. */
export async function pauseKafka(): Promise<AsyncDisposable> {
  return await pause("KAFKA");
}

export async function signalCassandra(signal: "STOP" | "CONT" | "KILL"): Promise<void> {
  await send("CASSANDRA", signal);
}

export async function signalKafka(signal: "STOP" | "CONT" | "KILL"): Promise<void> {
  await send("KAFKA", signal);
}

function addressOf(variable: Variable): string {
  const address = Deno.env.get(variable);
  if (address !== undefined) return address;
  const task = `deno task ${variable.toLowerCase()}`;
  const advice = `run \`deno task test:cluster\`, or \`${task}\` and set ${variable} to the address it prints`;
  throw new Error(`expected a server's host:port in the variable ${variable}, found none; ${advice}`);
}

function pidOf(variable: Variable): number | undefined {
  const pid = Deno.env.get(`${variable}_PID`);
  return pid === undefined ? undefined : Number(pid);
}

async function pause(variable: Variable): Promise<AsyncDisposable> {
  await send(variable, "STOP");
  return { [Symbol.asyncDispose]: () => send(variable, "CONT") };
}

/** Through a shell: `Deno.kill` wants the permission to run any program. */
async function send(variable: Variable, signal: string): Promise<void> {
  const pid = pidOf(variable);
  if (pid === undefined) throw new Error(`expected ${variable}_PID, found none: this server is not ours to disturb`);
  const command = new Deno.Command("sh", { args: ["-c", 'kill -s "$0" "$1"', signal, String(pid)] });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`Cannot send ${signal} to the server ${pid}: ${new TextDecoder().decode(stderr)}`);
}
