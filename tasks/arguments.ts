import { StartError } from "../core/ports/plugin.ts";

/** The one file that a task is given; a name without letters is an unset variable's. Throws a `StartError`. */
export function onlyFile([file = "", ...more]: readonly string[], expected: string): string {
  if (file === "" || more.length > 0) throw new StartError(expected);
  return file;
}

/** Where the embedded store is. Throws a `StartError` where the variable is set to nothing. */
export function dataDirectory(given: string | undefined): string {
  if (given !== "") return given ?? "data";
  throw new StartError("Cannot use DATA_DIR: expected a directory, found nothing in it; name one, or unset it");
}
