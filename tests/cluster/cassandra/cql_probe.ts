import { type Address, ask } from "../servers/probe.ts";

/** Version 4, OPTIONS, no body; answered by SUPPORTED. */
const OPTIONS = Uint8Array.of(0x04, 0, 0, 0, 0x05, 0, 0, 0, 0);
const SUPPORTED = 0x06;

/** Whether a server answers an OPTIONS frame of CQL there within so many milliseconds. */
export async function answersCql(address: Address, withinMs: number): Promise<boolean> {
  const header = await ask(address, { request: OPTIONS, answerBytes: 5, withinMs });
  return header?.[0] === 0x84 && header[4] === SUPPORTED;
}
