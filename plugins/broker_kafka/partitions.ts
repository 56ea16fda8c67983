const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * The partition of a key among so many, as every client of Kafka finds it by default: murmur2 of the key's UTF-8, made
 * positive, modulo the count.
 */
export function partitionOf(key: string, count: number): number {
  return (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % count;
}

/** As in Kafka's `Utils.murmur2`, a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < whole; at += 4) {
    hash = Math.imul(hash, M) ^ mixed(view.getInt32(at, true));
  }
  for (let at = bytes.length - 1; at >= whole; at--) hash ^= view.getUint8(at) << (8 * (at - whole));
  if (whole < bytes.length) hash = Math.imul(hash, M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

function mixed(word: number): number {
  const scrambled = Math.imul(word, M);
  return Math.imul(scrambled ^ (scrambled >>> R), M);
}
