import { createLocalJWKSet, type CryptoKey, errors, type JSONWebKeySet, type JWTHeaderParameters } from "jose";
import { aborted } from "../../core/engine/aborted.ts";
import { backoffMs } from "../../core/engine/retry.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch, Life } from "../../core/ports/supervision.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { type Keys, KeysUnavailable } from "./verifier.ts";

export type KeySetParts = {
  /** The keys as they are now, which nobody waits for any more once the signal aborts. Rejects when it has none. */
  readonly fetchKeys: (signal: AbortSignal) => Promise<JSONWebKeySet>;
  readonly refreshMs: number;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly branch: Branch;
  /** Told when the keys are others than before. */
  readonly onChange: () => void;
};

type Local = ReturnType<typeof createLocalJWKSet>;

/** Between two fetches that made-up names of keys can cause. */
const COOLDOWN_MS = 30_000;
const ADVICE = "check JWKS_URL, and that its server can be reached from here";

/** The issuer's keys, fetched anew now and then and when a token names one that is not among them. */
export class KeySet implements Keys {
  /** Signatures of key pairs only: a key set is public, so a secret in it would be none. */
  readonly algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
    .concat("EdDSA", "Ed25519");
  readonly #parts: KeySetParts;
  #local: { readonly text: string; readonly keys: Local } | undefined;
  #fetching: Promise<void> | undefined;
  #givenUp = new AbortController();
  #fetchedMs = -Infinity;
  #fault: string | undefined;

  constructor(parts: KeySetParts) {
    this.#parts = parts;
  }

  /** Resolves after the first fetch, well or not or given up by the signal; the keys are kept fresh until stopped. */
  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#giveUp(), { once: true });
    await this.#fetch();
    this.#parts.branch.start({ name: "key_set", run: (life) => this.#keepFresh(life) });
  }

  async stop(late: AbortSignal): Promise<void> {
    this.#giveUp();
    await this.#parts.branch.stop(late);
  }

  async find(header: JWTHeaderParameters): Promise<CryptoKey> {
    const { keys } = this.#current();
    try {
      return await keys(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const sinceMs = this.#parts.runtime.monotonicMs() - this.#fetchedMs;
      if (this.#fetching === undefined && sinceMs < COOLDOWN_MS) throw error;
      await this.#fetch();
      return await this.#current().keys(header);
    }
  }

  health(): Health {
    if (this.#fault === undefined) return { status: "pass" };
    if (this.#local === undefined) {
      return { status: "fail", reason: `There are no keys yet, so no token is let in: ${this.#fault}; ${ADVICE}` };
    }
    return { status: "warn", reason: `The keys fetched last are still in use: ${this.#fault}; ${ADVICE}` };
  }

  #current() {
    if (this.#local === undefined) throw new KeysUnavailable("The key set was not fetched yet");
    return this.#local;
  }

  async #keepFresh({ signal, beat, rest }: Life): Promise<void> {
    const { runtime, refreshMs } = this.#parts;
    // Whoever waits for a fetch that hangs is let go with it.
    signal.addEventListener("abort", () => this.#giveUp(), { once: true });
    for (let failures = 0; !signal.aborted;) {
      failures = this.#fault === undefined ? 0 : failures + 1;
      const waitMs = failures === 0 ? refreshMs : Math.min(backoffMs(failures, runtime), refreshMs);
      rest();
      await runtime.sleep(waitMs, { signal }).catch(() => {});
      beat();
      if (!signal.aborted) await this.#fetch();
    }
  }

  /** Once at a time. What fails leaves the keys as they were. */
  #fetch(): Promise<void> {
    return this.#fetching ??= this.#fetchOnce().finally(() => this.#fetching = undefined);
  }

  #giveUp(): void {
    this.#givenUp.abort();
    this.#givenUp = new AbortController();
  }

  async #fetchOnce(): Promise<void> {
    const { fetchKeys, runtime, log, onChange } = this.#parts;
    // Of this fetch alone, so that nothing is left waiting for the day when one is given up.
    const over = new AbortController();
    const signal = AbortSignal.any([this.#givenUp.signal, over.signal]);
    try {
      const set = await Promise.race([fetchKeys(signal), aborted(signal)]);
      if (set === undefined) throw new Error("The fetch of the keys was given up");
      const text = JSON.stringify(set);
      if (text !== this.#local?.text) {
        this.#local = { text, keys: createLocalJWKSet(set) };
        onChange();
      }
      this.#fault = undefined;
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (fault !== this.#fault && !signal.aborted) log.warn("The keys are not fresh", { error: fault });
      this.#fault = fault;
    } finally {
      over.abort();
    }
    this.#fetchedMs = runtime.monotonicMs();
  }
}
