import { type Address, ask } from "../servers/probe.ts";

/** Its size, then ApiVersions version 0 with the correlation 1 and no client; answered by size, correlation, error. */
const API_VERSIONS = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff);
const NO_ERROR = "000000010000";

/**
 * Whether a broker answers a request for the versions of its API there within so many milliseconds. It takes no request
 * before its controller lets it take part.
 */
export async function answersKafka(address: Address, withinMs: number): Promise<boolean> {
  const answer = await ask(address, { request: API_VERSIONS, answerBytes: 10, withinMs });
  return answer?.slice(4).toHex() === NO_ERROR;
}
