import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { DATE_BYTES, dateBytes, formatDate } from "../../../src/http/wire/date.ts";

const IMF_FIXDATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

describe("formatDate", () => {
  test.each([
    [0, "Thu, 01 Jan 1970 00:00:00 GMT"],
    [784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"],
    [951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"],
    [253_402_300_799_999, "Fri, 31 Dec 9999 23:59:59 GMT"],
  ])("writes %p as %p", (epochMs, expected) => {
    expect(formatDate(epochMs)).toBe(expected);
  });

  test("is IMF-fixdate and reads back, for any millisecond it takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (epochMs) => {
        const text = formatDate(epochMs);
        expect(text).toMatch(IMF_FIXDATE);
        expect(Date.parse(text)).toBe(Math.floor(epochMs / 1000) * 1000);
      }),
    );
  });

  test.each([-1, 253_402_300_800_000, NaN])("refuses %p, which the format cannot write", (epochMs) => {
    expect(() => formatDate(epochMs)).toThrow("invariant");
  });
});

describe("dateBytes", () => {
  test("answers the same array within a second and another one in the next", () => {
    const bytes = dateBytes(784_111_777_000);
    expect(bytes).toHaveLength(DATE_BYTES);
    expect(dateBytes(784_111_777_999)).toBe(bytes);
    expect(Buffer.from(dateBytes(784_111_778_000)).toString()).toBe("Sun, 06 Nov 1994 08:49:38 GMT");
    expect(Buffer.from(bytes).toString()).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  });
});
