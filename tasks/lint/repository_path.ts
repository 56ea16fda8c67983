const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** The position of a linted file in the repository: `/` between names, none in front. */
export function repositoryPath(filename: string): string {
  const name = filename.replaceAll("\\", "/");
  const path = /^[A-Za-z]:\//.test(name) ? `/${name}` : name;
  if (!path.startsWith("/")) return path.replace(/^\.\//, "");
  if (path.startsWith(ROOT)) return path.slice(ROOT.length);
  // Falling back to a guess would switch every rule off without a word.
  throw new Error(`expected a file of the checkout that holds this plugin, found ${filename}; lint from that checkout`);
}

export function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.startsWith("tests/");
}

/** What a relative or house specifier points at, as a repository path; any other specifier as it is. */
export function importTarget(specifier: string, importer: string): string {
  const named = HOUSE_NAMES.get(specifier);
  if (named !== undefined) return named;
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) return specifier;
  const segments = importer.split("/").slice(0, -1);
  for (const segment of specifier.split("/")) {
    if (segment === ".." && segments.length > 0) segments.pop();
    else if (segment === "..") return specifier;
    else if (segment !== ".") segments.push(segment);
  }
  return segments.join("/");
}

const HOUSE_NAMES = new Map([
  ["annals", "core/mod.ts"],
  ["annals/ports", "core/ports/mod.ts"],
  ["annals/engine", "core/engine/mod.ts"],
  ["annals/testing", "core/testing.ts"],
]);
