import { z } from "zod";
import { addressOf, requireNet } from "../../core/engine/net_permission.ts";
import { handlerRef } from "../../core/ports/handler.ts";
import { definePlugin, StartError } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { orderShipped } from "./order_shipped.ts";

/** A handler to look at: tells a URL of every order that is shipped. Off unless `WEBHOOK_URL` is set. */
export default definePlugin({
  name: "webhook",
  provides: { handlers: handlerRef },
  requires: { runtime: runtimeRef },
  config: z.object({
    WEBHOOK_URL: z.url({ protocol: /^https?$/, error: "expected an http or https URL" }).transform((text) =>
      new URL(text)
    ).optional(),
    /** Host names, with commas between them, that the URL may name. */
    WEBHOOK_ALLOWED_HOSTS: z.string().default("").transform((text) => text.split(",").map((host) => host.trim())),
    /** Of at least 16 characters; signs what is sent. */
    WEBHOOK_SECRET: z.string().min(16, "expected at least 16 characters").optional(),
  }),
  async start({ services: { runtime }, config }) {
    const { WEBHOOK_URL: url, WEBHOOK_ALLOWED_HOSTS: hosts, WEBHOOK_SECRET: secret } = config;
    if (url === undefined) return { services: { handlers: [] } };
    refuseHost(url, hosts);
    await requireNet(addressOf(url), "post to WEBHOOK_URL");
    return { services: { handlers: [orderShipped({ url, secret, runtime })] } };
  },
});

function refuseHost({ hostname, username, password }: URL, hosts: readonly string[]): void {
  if (username !== "" || password !== "") {
    throw new StartError("Cannot use WEBHOOK_URL: it has a user name in it, which would be logged; sign instead");
  }
  if (hosts.includes(hostname)) return;
  throw new StartError(`Cannot use WEBHOOK_URL: ${hostname} is not in WEBHOOK_ALLOWED_HOSTS; add it if it is meant`);
}
