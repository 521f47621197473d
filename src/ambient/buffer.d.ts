// Buffer's byte methods that Bun has and no published type declares. They skip the argument juggling of `toString` and
// `write`: latin1Slice of a 40-byte head takes 42 ns, toString("latin1") 50 to 136, TextDecoder 92 to 230.
// Both type checks read this file: the one with Bun's types, where it adds to their Buffer, and the pure one.

export {};

declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> extends Uint8Array<TArrayBuffer> {
    /** The bytes from `start` to `end` as text, one character a byte. */
    latin1Slice(start?: number, end?: number): string;
    /** The bytes from `start` to `end` decoded as UTF-8; bad sequences become U+FFFD. */
    utf8Slice(start?: number, end?: number): string;
    /** Writes the low byte of each character at `offset`; returns the bytes written, never more than `length`. */
    latin1Write(text: string, offset?: number, length?: number): number;
    /** Writes `text` as UTF-8 at `offset`; returns the bytes written, and never splits a character. */
    utf8Write(text: string, offset?: number, length?: number): number;
    /** Holds bytes of `target` against bytes of this: 0 when they are equal. */
    compare(target: Uint8Array, targetStart?: number, targetEnd?: number, start?: number, end?: number): 0 | 1 | -1;
  }
}
