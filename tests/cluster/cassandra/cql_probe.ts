/** Version 4, OPTIONS, no body; answered by SUPPORTED. */
const OPTIONS = Uint8Array.of(0x04, 0, 0, 0, 0x05, 0, 0, 0, 0);
const SUPPORTED = 0x06;

export type Address = { readonly host: string; readonly port: number };

/** Whether a server answers an OPTIONS frame of CQL there within so many milliseconds. */
export async function answersCql({ host, port }: Address, withinMs: number): Promise<boolean> {
  const connecting = Deno.connect({ hostname: host, port }).catch((error: unknown) => {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  });
  using connection = await connecting;
  if (connection === undefined) return false;
  const timer = setTimeout(() => connection.close(), withinMs);
  try {
    await connection.write(OPTIONS);
    const header = new Uint8Array(5);
    for (let length = 0; length < header.length;) {
      const read = await connection.read(header.subarray(length));
      if (read === null) return false;
      length += read;
    }
    return header[0] === 0x84 && header[4] === SUPPORTED;
  } catch {
    return false; // Closed, by the timer or by a server that is ending.
  } finally {
    clearTimeout(timer);
  }
}
