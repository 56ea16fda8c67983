/** The project's own directory in the user's cache, made when it is not there. */
export async function cacheDirectory(): Promise<string> {
  const [chosen, home] = ["XDG_CACHE_HOME", "HOME"].map((name) => Deno.env.get(name));
  if (!chosen && !home) throw new Error("expected HOME or XDG_CACHE_HOME in the environment, found neither; set one");
  const path = `${chosen || `${home}/.cache`}/annals`;
  await Deno.mkdir(path, { recursive: true });
  return path;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
