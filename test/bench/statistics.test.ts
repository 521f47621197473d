// The statistics of the benches, on data whose outcome is known.

import { describe, expect, test } from "bun:test";

import { controlHolds, estimate, median, pairRatios, quantile } from "../../bench/measure/statistics.ts";

describe("median", () => {
  test("is the middle value, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([100, 20, 3])).toBe(20);
  });

  test("needs a value and leaves its input as it is", () => {
    expect(() => median([])).toThrow(RangeError);
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("quantile", () => {
  test("goes from the least to the greatest value in straight lines", () => {
    const values = [40, 10, 30, 20];
    expect([0, 0.5, 1].map((q) => quantile(values, q))).toEqual([10, 25, 40]);
    expect(quantile([7], 0.3)).toBe(7);
  });
});

describe("pairRatios", () => {
  test("holds each burst against the one beside it", () => {
    expect(pairRatios([1, 6], [2, 3])).toEqual([0.5, 2]);
  });

  test("refuses a burst without its pair", () => {
    expect(() => pairRatios([1, 2], [1])).toThrow("Cannot pair 2 bursts with 1");
  });
});

describe("estimate", () => {
  test("of equal values is that value without a width", () => {
    expect(estimate([[0.8, 0.8], [0.8]])).toEqual({ median: 0.8, low: 0.8, high: 0.8, count: 3 });
  });

  test("holds the median of known data in an interval inside of the data, the same each time", () => {
    const groups = Array.from({ length: 8 }, (_, group) => [0.9 + group * 0.02, 0.92 + group * 0.02]);
    const first = estimate(groups);
    expect(first).toEqual(estimate(groups));
    expect(first.count).toBe(16);
    expect(first.median).toBeCloseTo(0.98, 10);
    expect(first.low).toBeGreaterThanOrEqual(0.9);
    expect(first.low).toBeLessThan(first.median);
    expect(first.high).toBeGreaterThan(first.median);
    expect(first.high).toBeLessThanOrEqual(1.06);
  });

  test("is wider when restarts differ than when pairs within them do", () => {
    const width = (groups: number[][]): number => estimate(groups).high - estimate(groups).low;
    const between = [0.8, 0.9, 1, 1.1, 1.2].map((level) => [level, level, level, level, level]);
    const within = Array.from({ length: 5 }, () => [0.8, 0.9, 1, 1.1, 1.2]);
    expect(width(between)).toBeGreaterThan(width(within));
  });

  test("tells a control that counts from one that is biased or too wide", () => {
    const control = (low: number, high: number): boolean => controlHolds({ median: 1, low, high, count: 10 });
    expect(control(0.99, 1.01)).toBe(true);
    expect(control(1.001, 1.01)).toBe(false);
    expect(control(0.97, 1.01)).toBe(false);
    expect(control(0.99, 1.03)).toBe(false);
  });
});
