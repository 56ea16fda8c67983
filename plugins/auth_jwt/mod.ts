import { authenticatorRef } from "../../core/ports/authenticator.ts";
import { definePlugin } from "../../core/ports/plugin.ts";
import { runtimeRef } from "../../core/ports/runtime.ts";
import { supervisionRef } from "../../core/ports/supervision.ts";
import { logRef } from "../../core/ports/telemetry.ts";
import { config, settingsOf } from "./config.ts";

/**
 * With AUTH=jwt the authenticator of JSON Web Tokens, else none. A key set that cannot be fetched does not keep the
 * service from starting, but from being ready; later the keys fetched last stay in use. Throws a `StartError` for
 * settings that do not fit together and for a key file that does not fit.
 */
export default definePlugin({
  name: "auth_jwt",
  provides: { authenticators: authenticatorRef },
  requires: { runtime: runtimeRef, log: logRef, supervision: supervisionRef },
  config,
  async start({ services, config, signal }) {
    const settings = settingsOf(config);
    if (settings === undefined) return { services: { authenticators: [] } };
    const { openVerifier } = await import("./authenticate.ts");
    const { verifier, ...running } = await openVerifier(settings, { ...services, signal });
    return { services: { authenticators: [verifier] }, ...running };
  },
});
