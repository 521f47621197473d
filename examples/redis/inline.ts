// Inline commands: a line of words, as a person types it into telnet. Words in quotes may hold spaces; in double quotes a backslash escapes, as
// in C. The rules are those of Redis's `sdssplitargs`: nothing may follow a closing quote but a space.

import { ProtocolFault } from "./protocol-fault.ts";

const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** Where the words of a line are. */
export interface Words {
  count: number;
  readonly starts: number[];
  readonly ends: number[];
}

/** Finds the words of the line from `start` to `end`, in place. False when it holds quotes and must be unquoted first. */
export function splitInPlace(bytes: Uint8Array, start: number, end: number, words: Words): boolean {
  let at = start;
  words.count = 0;
  for (;;) {
    while (at < end && isSpace(bytes[at] as number)) at++;
    if (at === end) return true;
    words.starts[words.count] = at;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (isSpace(byte)) break;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) return false;
    }
    words.ends[words.count++] = at;
  }
}

/** The words of the line, unquoted, one behind the other in an array of their own. @throws ProtocolFault for a quote that is not closed. */
export function splitQuoted(bytes: Uint8Array, start: number, end: number, words: Words): Uint8Array {
  const unquoted = new Uint8Array(end - start);
  let at = start;
  let length = 0;
  words.count = 0;
  for (;;) {
    while (at < end && isSpace(bytes[at] as number)) at++;
    if (at === end) return unquoted;
    words.starts[words.count] = length;
    while (at < end && !isSpace(bytes[at] as number)) {
      const byte = bytes[at] as number;
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) {
        unquoted[length++] = byte;
        at++;
        continue;
      }
      const close = closeOf(bytes, at, end);
      for (at++; at < close;) {
        const [value, taken] = unescape(bytes, at, byte);
        unquoted[length++] = value;
        at += taken;
      }
      at++;
    }
    words.ends[words.count++] = length;
  }
}

/** Where the quote that opens at `open` closes. */
function closeOf(bytes: Uint8Array, open: number, end: number): number {
  const quote = bytes[open] as number;
  for (let at = open + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      if (at + 1 < end && !isSpace(bytes[at + 1] as number)) break;
      return at;
    }
    const escapes = byte === BACKSLASH && (quote === DOUBLE_QUOTE || bytes[at + 1] === SINGLE_QUOTE);
    if (escapes) at++;
  }
  throw new ProtocolFault("unbalanced quotes in request");
}

/** The byte that stands at `at` within quotes, and how many bytes it takes there. */
function unescape(bytes: Uint8Array, at: number, quote: number): [value: number, taken: number] {
  const byte = bytes[at] as number;
  if (byte !== BACKSLASH) return [byte, 1];
  const next = bytes[at + 1] as number;
  if (quote === SINGLE_QUOTE) return next === SINGLE_QUOTE ? [next, 2] : [byte, 1];
  const hex = String.fromCharCode(bytes[at + 2] ?? 0, bytes[at + 3] ?? 0);
  if (next === 120 && /^[\da-f]{2}$/i.test(hex)) return [Number.parseInt(hex, 16), 4];
  return [ESCAPES[String.fromCharCode(next)] ?? next, 2];
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
