// The doors between bytes and strings: Buffer's own byte methods, taken once and called on any Uint8Array, so that a plain
// Uint8Array and a Buffer go the same fast way (37 to 50 ns a slice, where TextDecoder takes 92 to 230). Nothing here validates:
// callers pass offsets inside the array, and text that they have checked.

const methods = Buffer.allocUnsafe(0);
const latin1Slice = methods.latin1Slice;
const latin1Write = methods.latin1Write;
const utf8Write = methods.utf8Write;
const { slice } = Uint8Array.prototype;

/** The bytes from `start` to `end` as text, one character a byte. */
export function sliceLatin1(bytes: Uint8Array, start: number, end: number): string {
  return start === end ? "" : latin1Slice.call(bytes, start, end);
}

/** Writes `text`, whose characters are all below U+0100, at `at`; returns the offset behind it. The room must be there. */
export function writeLatin1(out: Uint8Array, at: number, text: string): number {
  return text === "" ? at : at + latin1Write.call(out, text, at, text.length);
}

/** Writes `text` as UTF-8 at `at`; returns the offset behind it. There must be room for three bytes a UTF-16 unit. */
export function writeUtf8(out: Uint8Array, at: number, text: string): number {
  return text === "" ? at : at + utf8Write.call(out, text, at);
}

/** The bytes from `start` to `end` as new bytes: `slice` of a Buffer would be a view. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return slice.call(bytes, start, end);
}

/** `text`, whose characters are all below U+0100, as new bytes. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  writeLatin1(bytes, 0, text);
  return bytes;
}
