// The benches, run small: that their statistics are right, that a wrong answer is noticed, that the arms answer alike, that each part runs. No
// figure is looked at.

import { describe, expect, test } from "bun:test";

import { Pattern } from "../../bench/load/shared/pattern.ts";
import { ARMS, armsNamed, OURS } from "../../bench/measure/arms.ts";
import { Generator, Server } from "../../bench/measure/processes.ts";
import { compare, type Extent } from "../../bench/measure/rounds.ts";
import { cpuRatio, reportOf } from "../../bench/measure/report.ts";
import { controlHolds, estimate, median, pairRatios, quantile } from "../../bench/measure/statistics.ts";
import { differenceOf, parseAnswer, verifyArms } from "../../bench/measure/verify.ts";
import { timeSide } from "../../bench/micro/child.ts";
import { BENCHES, benchesNamed } from "../../bench/micro/shared/benches.ts";

const TINY: Extent = { restarts: 1, warmMs: 4, burstMs: 5, sequences: 1, connections: 2, rate: 0 };
const silent = (): void => {};

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

describe("Pattern", () => {
  const answer = (date: string, body = "abc"): string =>
    `HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 3\r\n\r\n${body}`;
  const early = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:49:38 GMT";
  const learned = (): Pattern => Pattern.learn(Buffer.from(answer(early).repeat(2)), 2) as Pattern;
  const wrongIn = (...answers: string[]): number => learned().wrongIn(Buffer.from(answers.join("")));

  test("accepts the answers it has learnt, with any date", () => {
    expect(wrongIn(answer(early), answer(early))).toBe(0);
    expect(wrongIn(answer(early), answer(later))).toBe(0);
  });

  test("counts each answer that differs in a byte, a malformed date included", () => {
    expect(wrongIn(answer(early), answer(later, "abd"))).toBe(1);
    expect(wrongIn(answer(early).replace("200 OK", "500 No"), answer(early, "xyz"))).toBe(2);
    expect(wrongIn(answer(early), answer("x".repeat(early.length)))).toBe(1);
  });

  test("waits for a whole answer and refuses one that is no success", () => {
    const whole = answer(early);
    for (let end = 0; end < whole.length; end++) expect(Pattern.learn(Buffer.from(whole.slice(0, end)), 1)).toBeNull();
    expect(() => Pattern.learn(Buffer.from(whole.replace("200 OK", "404 No")), 1)).toThrow("Cannot use the answer");
  });
});

describe("the arms", () => {
  test(
    "answer alike",
    async () => {
      await verifyArms(ARMS.filter((arm) => arm !== OURS));
    },
    { timeout: 20_000 },
  );

  test("would be caught if they did not", () => {
    const expected = parseAnswer(
      "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na",
    );
    const other = parseAnswer("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nDate: y\r\nContent-Length: 1\r\n\r\na");
    const wrong = parseAnswer("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nDate: y\r\nContent-Length: 1\r\n\r\nb");
    expect(differenceOf(expected, other, false)).toBeNull();
    expect(differenceOf(expected, other, true)).not.toBeNull();
    expect(differenceOf(expected, wrong, false)).toContain("body");
  });

  test("are known by name", () => {
    expect(armsNamed([])).toBe(ARMS);
    expect(armsNamed(["raw"]).map(({ name }) => name)).toEqual(["raw"]);
    expect(() => armsNamed(["nginx"])).toThrow("none of ours");
  });
});

describe("a comparison", () => {
  test(
    "pairs its bursts and makes a report",
    async () => {
      const [baseline] = armsNamed(["async-await"]);
      const comparisons = [
        await compare("echo", OURS, baseline as typeof OURS, TINY, silent),
        await compare("http16", OURS, OURS, TINY, silent),
      ];
      for (const comparison of comparisons) {
        expect(comparison.rounds.map(({ a, b }) => [a.length, b.length])).toEqual([[2, 2]]);
        expect(cpuRatio(comparison).count).toBe(2);
      }
      const machine = { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 };
      const report = reportOf({ machine, startedAt: "now", options: {}, comparisons, idle: [] });
      expect(report).toContain("| async-await |");
      expect(report).toContain("A/A control (generator against itself)");
    },
    { timeout: 20_000 },
  );

  test("offers a fixed load when asked to", async () => {
    await using generator = new Generator("echo");
    await using server = await Server.start(OURS);
    const burst = { port: server.echoPort, serverPid: server.pid, connections: 4, ms: 50, pipelining: 1 };
    const { answers } = await generator.run({ ...burst, rate: 2_000 });
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThanOrEqual(110);
  });
});

describe("the micro benches", () => {
  test.each(BENCHES.map(({ name }) => name))("run: %s", async (name) => {
    for (const side of ["ours", "twin"] as const) {
      const { ns, samples } = await timeSide(name, side, "smoke");
      expect(ns).toBeGreaterThan(0);
      expect(samples).toBeGreaterThan(0);
    }
  });

  test("are known by name, switch standing for all sizes", () => {
    expect(benchesNamed(["switch"])).toHaveLength(3);
    expect(benchesNamed(["timer"])).toHaveLength(1);
    expect(() => benchesNamed(["fetch"])).toThrow("none of ours");
  });
});
