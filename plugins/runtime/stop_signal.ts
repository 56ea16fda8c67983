/** Aborts on the first SIGINT or SIGTERM, with the reason if one is given; the second one ends the process, with 1. */
export function stopSignal(reason?: Error): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopping.signal.aborted ? Deno.exit(1) : stopping.abort(reason));
  }
  return stopping.signal;
}
