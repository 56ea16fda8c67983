import { addressOf, requireNet } from "../../core/engine/net_permission.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Supervision } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import type { Settings } from "./config.ts";
import { fetchKeys } from "./fetch_keys.ts";
import { readPublicKey, readSecret } from "./key_file.ts";
import { KeySet } from "./key_set.ts";
import { type Keys, Verifier } from "./verifier.ts";

type Parts = {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly supervision: Supervision;
  readonly signal: AbortSignal;
};
type KeySetSettings = Extract<Settings["keys"], { readonly from: "key_set" }>;

/** What checks tokens, with the keys that the settings name; the signal ends a wait for them. Throws a `StartError`. */
export async function openVerifier({ issuer, audience, keys }: Settings, parts: Parts) {
  const verifierOf = (keys: Keys) => new Verifier({ keys, issuer, audience, runtime: parts.runtime });
  if (keys.from !== "key_set") {
    return { verifier: verifierOf(await (keys.from === "secret" ? readSecret : readPublicKey)(keys.path)) };
  }
  return await openKeySet(keys, { ...parts, verifierOf });
}

async function openKeySet(
  { url, refreshMs }: KeySetSettings,
  { runtime, log, supervision, signal, verifierOf }: Parts & { readonly verifierOf: (keys: Keys) => Verifier },
) {
  await requireNet(addressOf(url), "fetch JWKS_URL");
  const keySet: KeySet = new KeySet({
    fetchKeys: (signal) => fetchKeys(url, { runtime, signal }),
    refreshMs,
    runtime,
    log,
    branch: supervision.branch("auth_jwt"),
    onChange: () => verifier.forget(),
  });
  const verifier = verifierOf(keySet);
  await keySet.start(signal);
  return { verifier, health: () => keySet.health(), stop: (late: AbortSignal) => keySet.stop(late) };
}
