/** Frames of the CQL binary protocol, version 4 (native_protocol_v4.spec, section 2). */

const HEADER_BYTES = 9;
const OPCODES: ReadonlyMap<number, string> = new Map([
  ...[[0x00, "ERROR"], [0x01, "STARTUP"], [0x02, "READY"], [0x03, "AUTHENTICATE"], [0x05, "OPTIONS"]] as const,
  ...[[0x06, "SUPPORTED"], [0x07, "QUERY"], [0x08, "RESULT"], [0x09, "PREPARE"], [0x0a, "EXECUTE"]] as const,
  ...[[0x0b, "REGISTER"], [0x0c, "EVENT"], [0x0d, "BATCH"], [0x0e, "AUTH_CHALLENGE"], [0x0f, "AUTH_RESPONSE"]] as const,
  [0x10, "AUTH_SUCCESS"],
]);

export type Frame = {
  readonly version: number;
  readonly flags: number;
  /** Which request of its connection this is, or answers; negative for what the server tells unasked. */
  readonly stream: number;
  readonly opcode: string;
  /** Without the header. */
  readonly body: Uint8Array;
  /** As it came. */
  readonly bytes: Uint8Array;
};

/** Puts the frames of one direction of a connection together again, wherever they were cut. */
export class FrameSplitter {
  #rest = new Uint8Array();

  /** The frames that are whole with this piece. */
  push(piece: Uint8Array): Frame[] {
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const frames: Frame[] = [];
    let start = 0;
    for (let end = endOfFrame(bytes, start); end !== undefined; end = endOfFrame(bytes, start)) {
      frames.push(readFrame(bytes.subarray(start, end)));
      start = end;
    }
    this.#rest = bytes.subarray(start);
    return frames;
  }
}

function endOfFrame(bytes: Uint8Array, start: number): number | undefined {
  if (bytes.length - start < HEADER_BYTES) return undefined;
  const end = start + HEADER_BYTES + viewOf(bytes).getUint32(start + 5);
  return end <= bytes.length ? end : undefined;
}

function readFrame(bytes: Uint8Array): Frame {
  const [version = 0, flags = 0, , , opcode = 0] = bytes;
  return {
    version: version & 0x7f,
    flags,
    stream: viewOf(bytes).getInt16(2),
    opcode: OPCODES.get(opcode) ?? `0x${opcode.toString(16)}`,
    body: bytes.subarray(HEADER_BYTES),
    bytes,
  };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
