import { BlockList, isIP } from "node:net";
import type { Context } from "hono";
import { z } from "zod";

/** Whom to believe about the address of a client. */
export type TrustedProxies = { readonly has: (address: string) => boolean };

const NO_ADDRESS = "";
const GROUPS = 8;
const MAPPED_IPV4 = /^::ffff:/i;

/** `10.0.0.0/8,::1`: addresses and networks, with commas between them. */
export const trustedProxies = z.string().transform((text, context): TrustedProxies => {
  const networks = new BlockList();
  for (const each of text.split(",").map((part) => part.trim())) {
    const [address = "", prefix, ...rest] = each.split("/");
    const family = familyOf(address);
    const bits = prefix === undefined ? undefined : Number(prefix);
    const isPrefix = bits === undefined || /^[0-9]{1,3}$/.test(prefix ?? "") && bits <= (family === "ipv4" ? 32 : 128);
    if (family === undefined || !isPrefix || rest.length > 0) {
      context.addIssue(`expected addresses or networks like 10.0.0.0/8,::1, found ${JSON.stringify(each)}`);
      return z.NEVER;
    }
    if (bits === undefined) networks.addAddress(address, family);
    else networks.addSubnet(address, bits, family);
  }
  return {
    has(address) {
      const family = familyOf(address);
      return family !== undefined && networks.check(address, family);
    },
  };
});

/**
 * The address that a request came from: the connection's, or while that is a trusted proxy's the last one of
 * `X-Forwarded-For` that is not. What stands before it is the client's own word, and says nothing. Of an IPv6 address
 * the network, as that is what a client has.
 */
export function clientAddress(trusted: TrustedProxies | undefined): (context: Context) => string {
  const addressOf = ({ env, req }: Context) => {
    const peer: string = env?.remoteAddr?.hostname ?? NO_ADDRESS;
    if (trusted === undefined || !trusted.has(peer)) return peer;
    let address = peer;
    const hops = (req.raw.headers.get("x-forwarded-for") ?? "").split(",").map((each) => each.trim()).reverse();
    for (const hop of hops) {
      if (familyOf(hop) === undefined) return address;
      address = hop;
      if (!trusted.has(hop)) return hop;
    }
    return address;
  };
  return (context) => networkOf(addressOf(context));
}

/** Of IPv6 the first 64 bits: whoever has one address there has all of them. */
function networkOf(address: string): string {
  if (familyOf(address) !== "ipv6" || MAPPED_IPV4.test(address)) return address;
  const [head = [], tail = []] = address.split("::").map((part) => part === "" ? [] : part.split(":"));
  const zeros = address.includes("::") ? Array<string>(GROUPS - head.length - tail.length).fill("0") : [];
  return [...head, ...zeros, ...tail].slice(0, GROUPS / 2).map((group) => parseInt(group, 16).toString(16)).join(":");
}

/** One with a zone (`fe80::1%eth0`) names a link of whoever wrote it, and nobody here. */
function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = address.includes("%") ? 0 : isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}
