// The Range field (RFC 9110 section 14.2), parsed by `range-parser`, with what that leaves open decided here: units other than bytes, more ranges
// than are worth it, a range that ends before it begins, and anything that is not in the grammar are ignored, and the whole is sent.

import parseRange from "range-parser";
import { RANGES_MAX } from "../../config.ts";

/** Bytes of a file. */
export interface ByteRange {
  readonly from: number;
  /** Behind the last byte. */
  readonly to: number;
}

/**
 * The ranges that `field` asks for of `size` bytes (at least one), those that touch or overlap as one; `null` to ignore the field; none when
 * there are no such bytes.
 */
export function rangesOf(field: string, size: number): readonly ByteRange[] | null {
  const list = /^bytes=(.*)$/i.exec(field)?.[1];
  if (list === undefined) return null;
  const wanted: string[] = [];
  for (const item of list.split(",")) {
    const spec = item.trim();
    if (spec === "") continue;
    const settled = settle(spec, size);
    if (settled === null || wanted.length === RANGES_MAX) return null;
    wanted.push(settled);
  }
  if (wanted.length === 0) return null;
  const ranges = parseRange(size, `bytes=${wanted.join(",")}`, { combine: true });
  if (ranges === -1) return [];
  return ranges === -2 ? null : ranges.map(({ start, end }) => ({ from: start, to: end + 1 }));
}

/** One range as `range-parser` takes it rightly; `null` for none. */
function settle(spec: string, size: number): string | null {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
  if (first === undefined || last === undefined) return null;
  if (first === "") {
    // The last bytes of a file that has fewer are all of it (RFC 9110 section 14.1.2); `range-parser` takes such a range for one that is not there.
    return last === "" ? null : `-${Math.min(Number(last), size)}`;
  }
  return last !== "" && Number(last) < Number(first) ? null : spec;
}
