/** Aborts on the first SIGINT or SIGTERM; the second one ends the process at once, with 1. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopping.signal.aborted ? Deno.exit(1) : stopping.abort());
  }
  return stopping.signal;
}
