// The Range field, by examples and against a model that marks bytes one by one.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RANGES_MAX } from "../../../src/config.ts";
import { rangesOf } from "../../../src/http/files/ranges.ts";

const spans = (field: string, size: number): unknown =>
  rangesOf(field, size)?.map(({ from, to }) => [from, to]) ?? null;

describe("rangesOf", () => {
  test.each([
    ["bytes=0-0", [[0, 1]]],
    ["bytes=0-99", [[0, 100]]],
    ["bytes=0-", [[0, 100]]],
    ["bytes=90-500", [[90, 100]]],
    ["bytes=-1", [[99, 100]]],
    ["bytes=-100", [[0, 100]]],
    ["bytes=-101", [[0, 100]]],
    ["bytes=-99999999999999999999999999", [[0, 100]]],
    ["bytes=5-99999999999999999999999999", [[5, 100]]],
    ["BYTES=1-2", [[1, 3]]],
    [
      "bytes= 1-2 , 5-6",
      [
        [1, 3],
        [5, 7],
      ],
    ],
    [
      "bytes=1-2,,5-6,",
      [
        [1, 3],
        [5, 7],
      ],
    ],
    // Touching and overlapping ones become one; the order of the first is kept.
    ["bytes=0-4,5-9", [[0, 10]]],
    [
      "bytes=50-60,0-9,55-70",
      [
        [50, 71],
        [0, 10],
      ],
    ],
    ["bytes=0-0,500-", [[0, 1]]],
  ])("takes %s of 100 bytes", (field, expected) => {
    expect(spans(field, 100)).toEqual(expected);
  });

  test.each(["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999999-", "bytes=200-300,100-"])(
    "finds no bytes for %s of 100",
    (field) => expect(spans(field, 100)).toEqual([]),
  );

  test.each([
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes=1-2-3",
    "bytes=--1",
    "bytes=+1-2",
    "bytes=1.0-2",
    "bytes=0x1-2",
    "bytes=1-2;3-4",
    "bytes=5-2",
    "bytes=0-1,5-2",
    "bytes =0-1",
    "lines=0-1",
    `bytes=${Array.from({ length: RANGES_MAX + 1 }, (_, i) => `${i * 3}-${i * 3}`).join(",")}`,
  ])("ignores %j", (field) => {
    expect(spans(field, 100)).toBe(null);
  });

  test("is exact behind 4 GiB", () => {
    const size = 2 ** 52;
    expect(spans(`bytes=${size - 3}-`, size)).toEqual([[size - 3, size]]);
    expect(spans("bytes=-2", size)).toEqual([[size - 2, size]]);
    expect(spans("bytes=4294967296-4294967297", size)).toEqual([[4294967296, 4294967298]]);
  });

  test("covers exactly the bytes that were asked for, without overlap", () => {
    const offset = fc.integer({ min: 0, max: 40 });
    const spec = fc.oneof(
      fc.tuple(offset, offset).map(([a, b]) => ({ from: Math.min(a, b), last: Math.max(a, b), suffix: -1 })),
      offset.map((from) => ({ from, last: Number.POSITIVE_INFINITY, suffix: -1 })),
      offset.map((suffix) => ({ from: 0, last: 0, suffix })),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.array(spec, { minLength: 1, maxLength: RANGES_MAX }),
        (size, specs) => {
          const field = specs.map(({ from, last, suffix }) =>
            suffix >= 0 ? `-${suffix}` : last === Number.POSITIVE_INFINITY ? `${from}-` : `${from}-${last}`,
          );
          const wanted = Array.from({ length: size }, (_, i) =>
            specs.some(({ from, last, suffix }) => (suffix >= 0 ? i >= size - suffix : i >= from && i <= last)),
          );
          const covered = Array.from({ length: size }, () => 0);
          const ranges = rangesOf(`bytes=${field.join(",")}`, size);
          expect(ranges).not.toBe(null);
          for (const { from, to } of ranges ?? []) {
            expect(from).toBeLessThan(to);
            for (let i = from; i < to; i++) covered[i] = (covered[i] ?? 0) + 1;
          }
          expect(covered).toEqual(wanted.map(Number));
        },
      ),
    );
  });
});
