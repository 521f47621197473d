// Field sections that were read before. Whoever sends a request sends most of its fields again with the next one: a browser, a proxy, a client of
// an API change the request line and little else. A section that is equal byte for byte needs no second reading: it breaks the same
// rules (none) and says the same. So the sections that came twice are kept, a bounded number for each server, shared by its
// connections. One of 560 bytes is recognised in 55 ns where reading it takes 440: bench/lone, jobs browser and rotating.
//
// What it is not: a cache of requests or answers, or a judgement that similar is good enough. Kept are only whole sections that passed every
// check under the same limits, and they are compared to their last byte. What clients have sent so stays in memory until another section
// takes its place, secrets among it, as it does in any buffer that is used again.

import { FIELD_SECTION_BYTES_KEPT_MAX, FIELD_SECTIONS_KEPT_MAX } from "../../config.ts";
import type { FieldSection } from "./field-section.ts";
import { copyBytes } from "./text.ts";

/** Up to here a loop over the bytes beats the call of a native comparison (50 ns). */
const LOOP_BYTES_MAX = 48;

const { compare } = Buffer.allocUnsafe(0);

/** A section that is kept, with its bytes: all lines and the empty one. */
export class KeptSection {
  readonly fields: FieldSection;
  readonly length: number;
  readonly #bytes: Uint8Array;

  constructor(fields: FieldSection, bytes: Uint8Array) {
    this.fields = fields;
    this.length = bytes.length;
    this.#bytes = bytes;
  }

  /** Whether these very bytes stand at `from`, and before `limit`. */
  standsAt(bytes: Uint8Array, from: number, limit: number): boolean {
    const { length } = this;
    const kept = this.#bytes;
    if (limit - from < length) return false;
    if (length > LOOP_BYTES_MAX) {
      // The end of the last value tells most sections apart.
      if (bytes[from + length - 5] !== kept[length - 5]) return false;
      return compare.call(kept, bytes, from, from + length, 0, length) === 0;
    }
    for (let i = 0; i < length; i++) if (bytes[from + i] !== kept[i]) return false;
    return true;
  }
}

/** The sections that one server keeps. */
export class FieldSections {
  /** Each section has two places, beside one another. */
  readonly #places: (KeptSection | null)[] = new Array<KeptSection | null>(FIELD_SECTIONS_KEPT_MAX).fill(null);
  /** The mark of the last section that belonged to a place and was not kept: if the next one has it too, it is worth keeping. */
  readonly #marks = new Int32Array(FIELD_SECTIONS_KEPT_MAX);

  /** The kept section that the bytes from `from` to `to` are, to the last one; `null` when none is. */
  find(bytes: Uint8Array, from: number, to: number): KeptSection | null {
    if (to - from > FIELD_SECTION_BYTES_KEPT_MAX || to - from < 2) return null;
    return this.#at(placeOf(markOf(bytes, from, to)), bytes, from, to);
  }

  /** `fields` were read from the bytes from `from` to `to`: gives the kept section for them, which may be made now; `null` when none is worth it yet. */
  keep(fields: FieldSection, bytes: Uint8Array, from: number, to: number): KeptSection | null {
    if (to - from > FIELD_SECTION_BYTES_KEPT_MAX) return null;
    const mark = markOf(bytes, from, to);
    const place = placeOf(mark);
    const known = this.#at(place, bytes, from, to);
    if (known !== null) return known;
    if (this.#marks[place] !== mark) {
      this.#marks[place] = mark;
      return null;
    }
    const made = new KeptSection(fields.copy(), copyBytes(bytes, from, to));
    // The one that was there goes to the other place, so the older of the two is lost.
    this.#places[place ^ 1] = this.#places[place]!;
    this.#places[place] = made;
    return made;
  }

  #at(place: number, bytes: Uint8Array, from: number, to: number): KeptSection | null {
    for (let at = place, tries = 0; tries < 2; at ^= 1, tries++) {
      const kept = this.#places[at]!;
      if (kept !== null && kept.length === to - from && kept.standsAt(bytes, from, to)) return kept;
    }
    return null;
  }
}

/** A number that differs for most sections that differ: of the length and some bytes, most of them of the last values. */
function markOf(bytes: Uint8Array, from: number, to: number): number {
  let mark = to - from;
  // Behind the last value stand CRLF CRLF. The steps in eighths of a byte grow: thirty bytes of a browser's section are looked at.
  for (let at = to - 5, eighths = 8; at >= from; at -= eighths >> 3, eighths += 1 + (eighths >> 3))
    mark = (Math.imul(mark, 31) + bytes[at]!) | 0;
  return mark;
}

/** By multiplication with the golden ratio, as Knuth has it (The Art of Computer Programming, volume 3, section 6.4). */
function placeOf(mark: number): number {
  return (Math.imul(mark, 0x9e3779b1) >>> 16) & (FIELD_SECTIONS_KEPT_MAX - 1);
}
