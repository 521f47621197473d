// HTTP's date, IMF-fixdate (RFC 9110 section 5.6.7), from milliseconds since 1970 that the caller hands in: there is no clock here. The
// text changes once a second and is written into every response, so the bytes of the last second asked for are kept.
//
// `Date` serves as a calendar only: ECMAScript fixes the form of `toUTCString`, and for the years 1970 to 9999 it is IMF-fixdate.

import { assert } from "../../core/assert.ts";
import { latin1Bytes } from "./text.ts";

/** Bytes of an IMF-fixdate, always. */
export const DATE_BYTES = 29;

/** The first millisecond of the year 10000, which the format cannot write. */
const END_OF_TIME_MS = 253_402_300_800_000;

let cachedSecond = -1;
let cachedBytes: Uint8Array = new Uint8Array(DATE_BYTES);

/** `epochMs` (from 1970 to 9999) as text, such as `Sun, 06 Nov 1994 08:49:37 GMT`; the part below a second is dropped. */
export function formatDate(epochMs: number): string {
  assert(epochMs >= 0 && epochMs < END_OF_TIME_MS, "a date must lie between 1970 and 9999");
  return new Date(epochMs).toUTCString();
}

/** The same as bytes. Within one second it answers the same array, which the caller must not write to. */
export function dateBytes(epochMs: number): Uint8Array {
  const second = Math.floor(epochMs / 1000);
  if (second !== cachedSecond) {
    cachedBytes = latin1Bytes(formatDate(epochMs));
    cachedSecond = second;
  }
  return cachedBytes;
}
