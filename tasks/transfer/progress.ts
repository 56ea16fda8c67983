const REPORT_MS = 2_000;

/** Prints now and then how much of a step a task has done, and how fast. */
export class Progress {
  #step = "";
  #since = performance.now();
  #told = performance.now();

  tell(step: string, count: number): void {
    const now = performance.now();
    if (step !== this.#step) {
      this.#step = step;
      this.#since = now;
      this.#told = now;
    }
    if (now - this.#told < REPORT_MS) return;
    this.#told = now;
    console.log(`${count} ${step}, ${Math.round(1000 * count / (now - this.#since))} a second`);
  }
}
