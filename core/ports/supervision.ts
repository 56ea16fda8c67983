import { ref } from "./plugin.ts";

/** What a supervised component is given for one run of it. */
export type Life = {
  /** Aborts when the component is to end, or is taken for hung: then another run takes this one's place. */
  readonly signal: AbortSignal;
  /** It moves, and will again before `hangsAfterMs` have passed. */
  readonly beat: () => void;
  /** It waits for what others bring, however long that takes: until its next beat nobody looks at it. As it begins. */
  readonly rest: () => void;
};

/** A component that runs until its signal aborts; ending earlier, or throwing, is a fault. */
export type Child = {
  /** From a fixed set: it is a label of metrics. */
  readonly name: string;
  readonly run: (life: Life) => Promise<void>;
  /** How long it may go without a beat, once it has made one and does not rest; a minute when left out. */
  readonly hangsAfterMs?: number;
  /** Whether it may end by itself, when it has done its work; it is then taken off the tree. */
  readonly mayEnd?: boolean;
  /** Ends it as the stop of its branch does. */
  readonly until?: AbortSignal;
};

export type Branch = {
  /** Runs a component, again whenever it fails; resolves once it has ended for good. Never rejects. */
  start(child: Child): Promise<void>;
  /** Ends all of it, and leaves behind what has not ended when `late` aborts. */
  stop(late: AbortSignal): Promise<void>;
};

/**
 * `restarting`: it failed, and runs again after a pause. `held_back`: it failed too often, and its parent decides when
 * it runs again. A branch is `running` whatever its children are.
 */
export type ComponentState = "running" | "restarting" | "held_back" | "stopped";

export type Component = {
  readonly name: string;
  readonly state: ComponentState;
  /** When it came into its state. */
  readonly since: string;
  /** Of a branch: how often a child was handed to it that kept failing. */
  readonly restarts: number;
  readonly lastError: string | null;
  readonly children: readonly Component[];
};

/** The tree of what runs: a branch for each plugin that has something running, and on it a child for each part. */
export type Supervision = {
  branch(name: string): Branch;
  tree(): Component;
};

export const supervisionRef = ref<Supervision>("supervision");
