/**
 * Keeps a run in the file named, for comparison; nothing where none is. Throws at once where that file cannot be
 * written, not after the minutes that are to be kept.
 */
export async function keeperIn(path: string | undefined): Promise<(report: unknown) => Promise<void>> {
  if (path === undefined) return () => Promise.resolve();
  try {
    (await Deno.open(path, { create: true, append: true })).close();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot keep the run in ${path}: ${reason}; name a file in this project's directory`);
  }
  return (report) => Deno.writeTextFile(path, `${JSON.stringify(report, null, 2)}\n`);
}
