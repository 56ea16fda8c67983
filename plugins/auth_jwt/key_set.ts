import { createLocalJWKSet, type CryptoKey, errors, type JSONWebKeySet, type JWTHeaderParameters } from "jose";
import { backoffMs } from "../../core/engine/retry.ts";
import type { Health } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Log } from "../../core/ports/telemetry.ts";
import { type Keys, KeysUnavailable } from "./verifier.ts";

export type KeySetParts = {
  /** The keys as they are now. Rejects when they cannot be had. */
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
  readonly refreshMs: number;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Told when the keys are others than before. */
  readonly onChange: () => void;
};

type Local = ReturnType<typeof createLocalJWKSet>;

/** Between two fetches that made-up names of keys can cause. */
const COOLDOWN_MS = 30_000;

/** The issuer's keys, fetched anew now and then and when a token names one that is not among them. */
export class KeySet implements Keys {
  /** Signatures of key pairs only: a key set is public, so a secret in it would be none. */
  readonly algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
    .concat("EdDSA", "Ed25519");
  readonly #parts: KeySetParts;
  readonly #stopped = new AbortController();
  #local: { readonly text: string; readonly keys: Local } | undefined;
  #fetching: Promise<void> | undefined;
  #fetchedMs = -Infinity;
  #fault: string | undefined;

  constructor(parts: KeySetParts) {
    this.#parts = parts;
  }

  /** Resolves after the first fetch, well or not; the keys are kept fresh until stopped. */
  async start(): Promise<void> {
    await this.#fetch();
    void this.#keepFresh();
  }

  stop(): void {
    this.#stopped.abort();
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
    if (this.#local === undefined) return { status: "fail", reason: `There are no keys yet: ${this.#fault}` };
    return { status: "warn", reason: `The keys fetched last are still in use: ${this.#fault}` };
  }

  #current() {
    if (this.#local === undefined) throw new KeysUnavailable("The key set was not fetched yet");
    return this.#local;
  }

  async #keepFresh(): Promise<void> {
    const { runtime, refreshMs } = this.#parts;
    const { signal } = this.#stopped;
    for (let failures = 0; !signal.aborted;) {
      failures = this.#fault === undefined ? 0 : failures + 1;
      const waitMs = failures === 0 ? refreshMs : Math.min(backoffMs(failures, runtime), refreshMs);
      await runtime.sleep(waitMs, { signal }).catch(() => {});
      if (!signal.aborted) await this.#fetch();
    }
  }

  /** Once at a time. What fails leaves the keys as they were. */
  #fetch(): Promise<void> {
    return this.#fetching ??= this.#fetchOnce().finally(() => this.#fetching = undefined);
  }

  async #fetchOnce(): Promise<void> {
    const { fetchKeys, runtime, log, onChange } = this.#parts;
    try {
      const set = await fetchKeys();
      const text = JSON.stringify(set);
      if (text !== this.#local?.text) {
        this.#local = { text, keys: createLocalJWKSet(set) };
        onChange();
      }
      this.#fault = undefined;
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (fault !== this.#fault && !this.#stopped.signal.aborted) log.warn("The keys are not fresh", { error: fault });
      this.#fault = fault;
    }
    this.#fetchedMs = runtime.monotonicMs();
  }
}
