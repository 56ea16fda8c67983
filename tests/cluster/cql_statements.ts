import type { Frame } from "./cql_frames.ts";

const PREPARED_RESULT = 4;
const TRACING = 0x02;
const WARNING = 0x08;
const BATCH_OF_ID = 1;

/** Knows which text is behind the id of a prepared statement, from the frames that made it. */
export class Statements {
  readonly #texts = new Map<string, string>();

  /** Takes note of a RESULT; `text` is what was sent to be prepared. */
  learn(text: string, result: Frame): void {
    const reader = new Reader(result.body);
    if (result.flags & TRACING) reader.skip(16);
    if (result.flags & WARNING) reader.skipStrings();
    if (reader.int() === PREPARED_RESULT) this.#texts.set(reader.shortBytes().toHex(), text);
  }

  /** What a request asks to be run or prepared; empty where that is not known. */
  of({ opcode, body }: Frame): string[] {
    const reader = new Reader(body);
    if (opcode === "QUERY" || opcode === "PREPARE") return [reader.longString()];
    if (opcode === "EXECUTE") return [this.#textOf(reader.shortBytes())];
    return opcode === "BATCH" ? this.#ofBatch(reader) : [];
  }

  #ofBatch(reader: Reader): string[] {
    reader.skip(1);
    const texts: string[] = [];
    for (let left = reader.short(); left > 0; left--) {
      texts.push(reader.byte() === BATCH_OF_ID ? this.#textOf(reader.shortBytes()) : reader.longString());
      for (let values = reader.short(); values > 0; values--) reader.skip(Math.max(0, reader.int()));
    }
    return texts;
  }

  #textOf(id: Uint8Array): string {
    return this.#texts.get(id.toHex()) ?? "";
  }
}

class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  skipStrings(): void {
    for (let left = this.short(); left > 0; left--) this.skip(this.short());
  }

  byte(): number {
    return this.#view.getUint8(this.#at++);
  }

  short(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2);
  }

  int(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }

  shortBytes(): Uint8Array {
    return this.#take(this.short());
  }

  longString(): string {
    return new TextDecoder().decode(this.#take(this.int()));
  }

  #take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
