import type { JavaServer } from "./java_server.ts";

/** Runs a server until this process is interrupted; prints where it is, as the variable `name` tells tests. */
export async function runInForeground(name: string, start: () => Promise<JavaServer>): Promise<never> {
  const interrupted = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => interrupted.resolve());
  try {
    await using server = await start();
    console.log(`${name}=${server.address} ${name}_PID=${server.pid}`);
    const died = server.ended.then(async () => {
      throw new Error(`expected ${server.name} to run on, found that it ended:\n${await server.logTail()}`);
    });
    await Promise.race([interrupted.promise, died]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
  }
  Deno.exit(); // The listeners of signals would wait for more.
}

/** A port of the command line. */
export function readPort(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`Cannot use --port=${text}: expected a port`);
  return Number(text);
}
