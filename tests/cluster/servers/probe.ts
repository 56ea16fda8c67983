export type Address = { readonly host: string; readonly port: number };

export type Question = {
  readonly request: Uint8Array<ArrayBuffer>;
  /** So many bytes are read. */
  readonly answerBytes: number;
  readonly withinMs: number;
};

/** The first bytes of a server's answer; undefined when it does not give so many in time. */
export async function ask(
  { host, port }: Address,
  { request, answerBytes, withinMs }: Question,
): Promise<Uint8Array | undefined> {
  const connecting = Deno.connect({ hostname: host, port }).catch((error: unknown) => {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  });
  using connection = await connecting;
  if (connection === undefined) return undefined;
  const timer = setTimeout(() => connection.close(), withinMs);
  try {
    await connection.write(request);
    const answer = new Uint8Array(answerBytes);
    for (let length = 0; length < answerBytes;) {
      const read = await connection.read(answer.subarray(length));
      if (read === null) return undefined;
      length += read;
    }
    return answer;
  } catch {
    return undefined; // Closed, by the timer or by a server that is ending.
  } finally {
    clearTimeout(timer);
  }
}
