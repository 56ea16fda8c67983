export type ShellResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a script of `sh` to its end; the first argument is its `$0`. */
export async function shell(script: string, args: readonly string[]): Promise<ShellResult> {
  const command = new Deno.Command("sh", { args: ["-c", script, ...args], stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
