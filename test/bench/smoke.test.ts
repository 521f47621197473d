// The benches, run small: that their statistics are right, that a wrong answer is noticed, that the arms answer alike, that each part runs. No
// figure is looked at.

import { describe, expect, test } from "bun:test";

import { Pattern } from "../../bench/load/shared/pattern.ts";
import { BROWSER_REQUEST, BROWSER_REQUEST_BYTES } from "../../bench/load/shared/request.ts";
import { type Arm, armNamed, ARMS, armsNamed } from "../../bench/measure/arms.ts";
import { type Job, JOBS, jobsNamed } from "../../bench/measure/jobs.ts";
import { Generator, Server } from "../../bench/measure/processes.ts";
import { compare, type Extent } from "../../bench/measure/rounds.ts";
import { cpuRatio, reportOf } from "../../bench/measure/report.ts";
import { controlHolds, estimate, median, pairRatios, quantile } from "../../bench/measure/statistics.ts";
import { differenceOf, parseAnswer, verifyJobs } from "../../bench/measure/verify.ts";
import { timeSide } from "../../bench/micro/child.ts";
import { BENCHES, benchesNamed } from "../../bench/micro/shared/benches.ts";
import { LISTING, LISTING_BYTES } from "../../bench/servers/shared/answers.ts";

const TINY: Extent = { restarts: 1, warmMs: 4, burstMs: 5, sequences: 1, connections: 2, rate: 0 };
const silent = (): void => {};
const jobNamed = (name: string): Job => jobsNamed([name])[0] as Job;

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

describe("the jobs", () => {
  test("name arms that exist, none twice, and set limits for their own arms only", () => {
    for (const { arms, atMost } of JOBS) {
      expect(arms.map((name) => armNamed(name).name)).toEqual([...arms]);
      expect(new Set(arms).size).toBe(arms.length);
      for (const name of Object.keys(atMost)) expect(arms.slice(1)).toContain(name);
    }
  });

  test("ask for all arms, each by whole requests", () => {
    expect(new Set(JOBS.flatMap(({ arms }) => arms))).toEqual(new Set(ARMS.map(({ name }) => name)));
    for (const { load, request } of JOBS) expect(request.endsWith("\r\n\r\n")).toBe(load === "http");
  });

  test("send a browser's head and a listing of the sizes that they claim", () => {
    expect(BROWSER_REQUEST).toHaveLength(BROWSER_REQUEST_BYTES);
    expect(JSON.stringify(LISTING)).toHaveLength(LISTING_BYTES);
  });

  test("are known by name", () => {
    expect(jobsNamed([])).toBe(JOBS);
    expect(jobsNamed(["echo", "http"]).map(({ name }) => name)).toEqual(["http", "echo"]);
    expect(() => jobsNamed(["ftp"])).toThrow("none of ours");
  });
});

describe("the arms", () => {
  test(
    "answer alike in all jobs",
    async () => {
      await verifyJobs(JOBS, ARMS);
    },
    { timeout: 30_000 },
  );

  test("are refused at a job that they answer otherwise, by the name of both", async () => {
    const greets: Job = { ...jobNamed("http"), arms: ["generator", "hono"] };
    const refused = verifyJobs([greets], [armNamed("hono")]);
    await expect(refused).rejects.toThrow("Cannot compare the arm hono at http: its content-type is");
    const unknown: Job = { ...jobNamed("http"), request: jobNamed("hono-json").request };
    await expect(verifyJobs([unknown], [])).rejects.toThrow(
      "Cannot compare the arm generator at http: its status line",
    );
  });

  test("would be caught if they did not", () => {
    const fields = "Cache-Control: private\r\nContent-Type: text/plain\r\nContent-Length: 1";
    const expected = parseAnswer(`HTTP/1.1 200 OK\r\nDate: x\r\n${fields}\r\n\r\na`);
    const otherwise = (from: string, to: string): string | null =>
      differenceOf(expected, parseAnswer(`HTTP/1.1 200 OK\r\n${fields}\r\nDate: y\r\n\r\na`.replace(from, to)), false);
    expect(otherwise("", "")).toBeNull();
    expect(otherwise("Cache-Control", "cache-control")).toBeNull();
    expect(otherwise("\r\n\r\na", "\r\n\r\nb")).toContain("body");
    expect(otherwise("200 OK", "201 Created")).toContain("status");
    expect(otherwise("plain", "html")).toContain("content-type");
    expect(otherwise("Cache-Control: private\r\n", "")).toContain("cache-control");
    expect(differenceOf(expected, parseAnswer(expected.text.replace("Date", "date")), true)).not.toBeNull();
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
      const ours: Arm = armNamed("generator");
      const comparisons = [
        await compare(jobNamed("echo"), ours, armNamed("async-await"), TINY, silent),
        await compare(jobNamed("http16"), ours, ours, TINY, silent),
        await compare(jobNamed("http16"), ours, armNamed("bun-serve"), TINY, silent),
      ];
      for (const comparison of comparisons) {
        expect(comparison.rounds.map(({ a, b }) => [a.length, b.length])).toEqual([[2, 2]]);
        expect(cpuRatio(comparison).count).toBe(2);
      }
      const machine = { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 };
      const report = reportOf({ machine, startedAt: "now", options: {}, comparisons, idle: [] });
      expect(report).toContain("| async-await |");
      expect(report).toContain("A/A control (generator against itself)");
      expect(report).toContain("| 0.22 |");
      expect(report).toContain("- bun-serve: ");
    },
    { timeout: 20_000 },
  );

  test("offers a fixed load when asked to", async () => {
    await using generator = new Generator("echo");
    await using server = await Server.start(armNamed("generator"));
    const burst = { port: server.echoPort, serverPid: server.pid, connections: 4, ms: 50, request: "", pipelining: 1 };
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
