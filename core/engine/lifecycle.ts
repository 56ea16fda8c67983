import { type Health, ref } from "../ports/plugin.ts";

export type Phase = "starting" | "ready" | "stopping";

/** What the app tells its plugins of itself. */
export type Lifecycle = {
  phase(): Phase;
  /** Aborts when the app begins to stop: whoever keeps a caller waiting lets it go. */
  readonly stopping: AbortSignal;
  /** The health of each started plugin that has one, by name. */
  health(): ReadonlyMap<string, Health>;
};

export const lifecycleRef = ref<Lifecycle>("lifecycle");
