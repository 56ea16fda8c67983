export type Together = Pick<Deno.CommandOptions, "cwd" | "env" | "stdout" | "stderr"> & {
  readonly args: readonly string[];
  /** Ends the program and all that it has started. */
  readonly signal: AbortSignal;
};

/**
 * Runs a program to its end, and says whether it succeeded. It and all that it starts are a group of their own, so that
 * none of it is left running when the program is ended and has no time to end the others.
 */
export async function runTogether(command: string, { args, signal, ...options }: Together): Promise<boolean> {
  if (signal.aborted) return false;
  const script = 'exec setsid "$0" "$@"';
  const child = new Deno.Command("sh", { ...options, args: ["-c", script, command, ...args] }).spawn();
  let ending: Promise<unknown> | undefined;
  const end = () => ending = endGroup(child.pid);
  signal.addEventListener("abort", end, { once: true });
  const { success } = await child.status;
  signal.removeEventListener("abort", end);
  await ending;
  return success;
}

/** Deno itself signals one process at a time; one that has only begun is not in its group yet. */
async function endGroup(pid: number): Promise<void> {
  const script = 'kill -s KILL -- "-$0" || kill -s KILL "$0"';
  await new Deno.Command("sh", { args: ["-c", script, String(pid)] }).output();
}
