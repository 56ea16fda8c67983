/** The last line of `deno test`. */
const RESULT = /^(?:ok|FAILED) \| (\d+) passed[^|]*\| (\d+) failed[^|]*(?:\| (\d+) ignored)?/gm;
const ESCAPES = new RegExp(String.raw`\x1b\[\d*m`, "g");
const KEPT_CHARACTERS = 10_000;

export type TestRun = {
  readonly files: readonly string[];
  /** As `deno test` takes them. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};

/** Runs of `deno test`, one after the other, and what became of all of them. */
export class DenoTests {
  passed = 0;
  failed = 0;
  ignored = 0;
  /** Of the first run that failed. */
  code = 0;
  readonly #show: WritableStream<Uint8Array>;
  #running: Deno.ChildProcess | undefined;
  #isInterrupted = false;

  constructor(show: WritableStream<Uint8Array>) {
    this.#show = show;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Ends the run that is going on and keeps others from starting. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.code ||= 130;
    this.#running?.kill("SIGTERM");
  }

  async run({ files, flags, environment }: TestRun): Promise<void> {
    if (this.#isInterrupted) return;
    const colour: Record<string, string> = Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {};
    this.#running = new Deno.Command("deno", {
      args: ["test", ...flags, ...files],
      env: { ...environment, ...colour },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const [{ code }, end] = await Promise.all([this.#running.status, this.#passOn(this.#running.stdout)]);
    this.#running = undefined;
    this.code ||= code;
    const [, passed = "0", failed = "0", ignored = "0"] = [...end.replace(ESCAPES, "").matchAll(RESULT)].at(-1) ?? [];
    this.passed += Number(passed);
    this.failed += Number(failed);
    this.ignored += Number(ignored);
  }

  /** Shows what comes and gives the end of it. */
  async #passOn(stream: ReadableStream<Uint8Array>): Promise<string> {
    const [shown, read] = stream.tee();
    const showing = shown.pipeTo(this.#show, { preventClose: true });
    let end = "";
    for await (const text of read.pipeThrough(new TextDecoderStream())) end = (end + text).slice(-KEPT_CHARACTERS);
    await showing;
    return end;
  }
}
