import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameSplitter } from "./cql_frames.ts";

const arbitraryFrame = fc.record({
  stream: fc.integer({ min: -1, max: 32767 }),
  body: fc.uint8Array({ maxLength: 40 }),
});

Deno.test("FrameSplitter gives the frames that were sent, wherever they are cut", () => {
  const property = fc.property(fc.array(arbitraryFrame), fc.infiniteStream(fc.nat(30)), (sent, sizes) => {
    const bytes = Uint8Array.from(sent.flatMap((frame) => [...encode(frame)]));
    const splitter = new FrameSplitter();
    const found = [];
    for (let at = 0; at < bytes.length;) {
      const { value: size } = sizes.next();
      // A buffer of a connection is used again for what comes next.
      const piece = bytes.slice(at, at + size);
      found.push(...splitter.push(piece));
      piece.fill(0xff);
      at += size;
    }
    assertEquals(found.map(({ stream, body }) => ({ stream, body: [...body] })), sent.map(plain));
    assertEquals(found.flatMap((frame) => [...frame.bytes]), [...bytes]);
    assertEquals(found.every(({ opcode, version }) => opcode === "BATCH" && version === 4), true);
  });
  fc.assert(property);
});

Deno.test("FrameSplitter names an opcode it does not know by its number", () => {
  const [frame] = new FrameSplitter().push(Uint8Array.of(0x84, 0, 0, 1, 0xff, 0, 0, 0, 0));
  assertEquals([frame?.opcode, frame?.version, frame?.stream], ["0xff", 4, 1]);
});

function encode({ stream, body }: { stream: number; body: Uint8Array }): Uint8Array {
  const bytes = new Uint8Array(9 + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x04, 0, 0, 0, 0x0d]);
  view.setInt16(2, stream);
  view.setUint32(5, body.length);
  bytes.set(body, 9);
  return bytes;
}

function plain({ stream, body }: { stream: number; body: Uint8Array }) {
  return { stream, body: [...body] };
}
