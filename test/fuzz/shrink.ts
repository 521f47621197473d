// Makes an input that fails smaller, so that a person can see what is wrong with it, and shows it.

/** Inputs tried before the smallest so far is given as it is. */
const ATTEMPTS_MAX = 3_000;

/** The smallest input found by taking stretches out of `bytes` that still `fails`. `bytes` itself must. */
export async function shrink(
  bytes: Uint8Array,
  fails: (bytes: Uint8Array) => boolean | Promise<boolean>,
): Promise<Uint8Array> {
  let smallest: Uint8Array = bytes.slice();
  let attempts = 0;
  for (let span = smallest.length >> 1; span > 0; span = span === 1 ? 0 : (span + 1) >> 1) {
    let shrunk = true;
    while (shrunk) {
      shrunk = false;
      for (let at = 0; at < smallest.length;) {
        const candidate = without(smallest, at, span);
        if (++attempts > ATTEMPTS_MAX) return smallest;
        if (await fails(candidate)) {
          smallest = candidate;
          shrunk = true;
        } else at += span;
      }
    }
  }
  return smallest;
}

/** The bytes as a string literal: printable ASCII as it is, the rest escaped. */
export function escaped(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0x0d) text += "\\r";
    else if (byte === 0x0a) text += "\\n";
    else if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${text}"`;
}

function without(bytes: Uint8Array, at: number, span: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - Math.min(span, bytes.length - at));
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(at + span), at);
  return rest;
}
