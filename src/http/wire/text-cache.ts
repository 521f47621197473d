// Short texts that come again and again, such as request targets: bytes that were made into a string a moment ago give the same string. That saves
// making it (40 ns), and a map that is asked with it finds its hash computed. Known by a hash of all bytes, then compared to the
// last character; one place for each hash, so nothing that a client sends can make it slow or large.

import { sliceLatin1 } from "./text.ts";

/** Characters of a text at most to be kept: a longer one costs more to compare than to make. */
const CHARACTERS_MAX = 40;

/** Strings by the bytes they were made of. */
export class TextCache {
  readonly #mask: number;
  readonly #texts: string[];

  /** @param size texts kept at most: a power of two. */
  constructor(size: number) {
    this.#mask = size - 1;
    this.#texts = new Array<string>(size).fill("");
  }

  /** The bytes from `start` to `end` as text, one character a byte. */
  slice(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > CHARACTERS_MAX) return sliceLatin1(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const place = (hash ^ (hash >>> 15)) & this.#mask;
    const known = this.#texts[place]!;
    if (known.length === length && isText(bytes, start, known)) return known;
    const made = sliceLatin1(bytes, start, end);
    this.#texts[place] = made;
    return made;
  }
}

function isText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
