// A whole body out of its pieces.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { COPIED_PIECE_BYTES_MAX } from "../../src/config.ts";
import { Pieces } from "../../src/http/pieces.ts";

describe("Pieces", () => {
  test("Pieces.join gives all bytes in order, whatever the sizes of the pieces", () => {
    const sizes = fc.array(
      fc.oneof(fc.nat(20), fc.integer({ min: COPIED_PIECE_BYTES_MAX - 1, max: COPIED_PIECE_BYTES_MAX + 1 })),
    );
    fc.assert(
      fc.property(sizes, (lengths) => {
        const pieces = new Pieces();
        const expected = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
        for (const piece of expected) pieces.add(piece);
        expect(Buffer.compare(pieces.join(), Buffer.concat(expected))).toBe(0);
      }),
    );
  });

  test("Pieces.join gives a single large piece as it came", () => {
    const piece = new Uint8Array(COPIED_PIECE_BYTES_MAX);
    const pieces = new Pieces();
    pieces.add(piece);
    expect(pieces.join()).toBe(piece);
  });

  test("Pieces holds no view for a small piece: a million of one byte lie in one array", () => {
    const pieces = new Pieces();
    for (let i = 0; i < 1_000_000; i++) {
      pieces.add(new Uint8Array([i]));
    }
    const joined = pieces.join();
    expect([joined.length, joined[0], joined[999_999]]).toEqual([1_000_000, 0, 999_999 & 255]);
    expect(joined.buffer.byteLength).toBeLessThan(4_000_000);
  });
});
