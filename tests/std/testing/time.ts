/** `FakeTime` of `@std/testing/time`: while it lives, Date and the timers of this process stand still until told. */

interface Timer {
  id: number;
  dueMs: number;
  everyMs: number | undefined;
  fire(): void;
}

const real = {
  Date: globalThis.Date,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};
const realAbortTimeout = AbortSignal.timeout;
let active: FakeTime | undefined;

export class TimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

export class FakeTime {
  readonly #timers = new Map<number, Timer>();
  readonly #startMs: number;
  #nowMs: number;
  #lastId = 0;

  constructor(start?: number | string | Date | null) {
    if (active) throw new TimeError("expected real time, found time already faked; restore the first FakeTime");
    this.#startMs = Math.floor(new real.Date(start ?? real.Date.now()).getTime());
    if (Number.isNaN(this.#startMs)) throw new TypeError(`expected a start time, found ${start}; give an ISO date`);
    this.#nowMs = this.#startMs;
    this.#replaceGlobals();
    active = this;
  }

  get start(): number {
    return this.#startMs;
  }

  get now(): number {
    return this.#nowMs;
  }

  /** Fires what falls due on the way, in order of time, then of arming. */
  set now(valueMs: number) {
    if (valueMs < this.#nowMs) {
      throw new RangeError(`expected a time of at least ${this.#nowMs}, found ${valueMs}; time only goes forward`);
    }
    for (let timer = this.#nextTimer(); timer && timer.dueMs <= valueMs; timer = this.#nextTimer()) {
      this.#nowMs = timer.dueMs;
      this.#timers.delete(timer.id);
      // Set again at the end of the map, so that of timers due together the one armed first fires first.
      if (timer.everyMs !== undefined) this.#timers.set(timer.id, { ...timer, dueMs: timer.dueMs + timer.everyMs });
      timer.fire();
    }
    this.#nowMs = valueMs;
  }

  tick(durationMs = 0): void {
    this.now += durationMs;
  }

  /** Lets pending promises settle first, so that timers they are about to set are counted in. */
  async tickAsync(durationMs = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(durationMs);
  }

  /** Goes to the next timer and fires it; false when there is none. */
  next(): boolean {
    const timer = this.#nextTimer();
    if (timer) this.now = timer.dueMs;
    return timer !== undefined;
  }

  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  runMicrotasks(): Promise<void> {
    return new Promise((resolve) => void real.setTimeout.call(globalThis, resolve, 0));
  }

  restore(): void {
    if (active !== this) throw new TimeError("expected faked time, found it restored already; restore once");
    active = undefined;
    Object.assign(globalThis, real);
    AbortSignal.timeout = realAbortTimeout;
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  #nextTimer(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (!next || timer.dueMs < next.dueMs) next = timer;
    }
    return next;
  }

  #add(fire: () => void, { delayMs, repeats }: { delayMs: number; repeats: boolean }): number {
    if (typeof fire !== "function") throw new TimeError("expected a function to call, found text; pass a function");
    const waitMs = Math.max(repeats ? 1 : 0, Math.floor(delayMs) || 0);
    const id = ++this.#lastId;
    this.#timers.set(id, { id, dueMs: this.#nowMs + waitMs, everyMs: repeats ? waitMs : undefined, fire });
    return id;
  }

  #replaceGlobals(): void {
    const add = (repeats: boolean) => (callback: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]) =>
      this.#add(typeof callback === "function" ? () => callback(...values) : callback, { delayMs, repeats });
    const clear = (id?: number) => void this.#timers.delete(Number(id));
    Object.assign(globalThis, {
      Date: fakeDate(() => this.#nowMs),
      setTimeout: add(false),
      setInterval: add(true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    AbortSignal.timeout = (delayMs) => {
      const controller = new AbortController();
      const abort = () => controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
      this.#add(abort, { delayMs, repeats: false });
      return controller.signal;
    };
  }
}

/** A proxy and not a subclass, so that `instanceof Date` holds for dates made before, during and after. */
function fakeDate(nowMs: () => number): DateConstructor {
  return new Proxy(real.Date, {
    construct: (target, values, newTarget) => Reflect.construct(target, values.length ? values : [nowMs()], newTarget),
    apply: () => new real.Date(nowMs()).toString(),
    get: (target, name) => name === "now" ? nowMs : Reflect.get(target, name),
  });
}
