// The bench of arms under load: that what autocannon and wrk say is read rightly, that wrong answers are noticed, what the report says, and one
// small run of each part. No figure of speed is looked at.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { fire, requestOf, resultOf } from "../../bench/load/autocannon.ts";
import type { OpenLoopResult } from "../../bench/load/open-loop.ts";
import { histogramOf } from "../../bench/load/shared/histogram.ts";
import { BROWSER_REQUEST, getRequest } from "../../bench/load/shared/request.ts";
import { isRight, type Saturating, type SaturatingResult } from "../../bench/load/shared/saturating.ts";
import { countsOf, mismatchesIn, runWrk } from "../../bench/load/wrk.ts";
import { armNamed } from "../../bench/measure/arms.ts";
import { jobsNamed, type Job } from "../../bench/measure/jobs.ts";
import {
  isAllRight,
  type LoadExtent,
  type LoadResults,
  type OpenComparison,
  openLoop,
  perSecond,
  saturate,
} from "../../bench/measure/load.ts";
import { cleanP99Ratio, p99Ratio } from "../../bench/measure/p99.ts";
import { buildReport } from "../../bench/report/build.ts";
import { markdownOf } from "../../bench/report/markdown.ts";

const ROOT = join(import.meta.dir, "../..");
const TINY: LoadExtent = {
  restarts: 1,
  warmMs: 20,
  burstMs: 60,
  openBurstMs: 20,
  sequences: 1,
  connections: 4,
  serverFlags: [],
};
const silent = (): void => {};
const jobNamed = (name: string): Job => jobsNamed([name])[0] as Job;

async function withServer<T>(fetch: () => Response, use: (run: Saturating) => Promise<T>): Promise<T> {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
  const port = server.port ?? 0;
  try {
    return await use({
      port,
      serverPid: process.pid,
      request: getRequest("/"),
      connections: 2,
      pipelining: 1,
      ms: 100,
    });
  } finally {
    await server.stop(true);
  }
}

describe("requestOf", () => {
  test("takes a request apart, but for the fields that autocannon writes by itself", () => {
    const request = "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nX-Time: 12:30\r\ncontent-length: 4\r\n\r\na\r\nb";
    expect(requestOf(request)).toEqual({
      method: "POST",
      path: "/echo?a=b",
      headers: { "X-Time": "12:30" },
      body: "a\r\nb",
    });
    expect(requestOf(BROWSER_REQUEST).headers["Accept-Language"]).toBe("en-GB,en;q=0.9");
    expect(() => requestOf("PING")).toThrow("it is no HTTP request");
  });
});

describe("resultOf", () => {
  test("counts answers of every status, and none twice", () => {
    const counts = { "2xx": 90, non2xx: 10, mismatches: 3, errors: 2, duration: 1.5 };
    expect(resultOf(counts, 5, 6)).toEqual({
      answers: 100,
      non2xx: 10,
      mismatches: 3,
      errors: 2,
      wallNs: 1.5e9,
      serverCpuNs: 5,
      generatorCpuNs: 6,
    });
  });
});

describe("autocannon", () => {
  const shot = (port: number): Parameters<typeof fire>[0] => ({
    url: `http://127.0.0.1:${port}/`,
    ...requestOf(getRequest("/")),
    connections: 2,
    pipelining: 4,
    ms: 100,
  });

  test("finds nothing wrong with answers that are all the same", async () => {
    const counts = await withServer(
      () => new Response("a"),
      ({ port }) => fire(shot(port)),
    );
    expect(isRight(resultOf(counts, 0, 0))).toBe(true);
  });

  test("notices bodies that are not the first one, and answers that are no success", async () => {
    let count = 0;
    const result = await withServer(
      () => new Response(++count === 5 ? "b" : "a", { status: count === 6 ? 500 : 200 }),
      async ({ port }) => resultOf(await fire(shot(port)), 0, 0),
    );
    expect([result.mismatches, result.non2xx, isRight(result)]).toEqual([1, 1, false]);
  });

  test("refuses a first answer that is no success or says nothing", async () => {
    const empty = withServer(
      () => new Response(""),
      ({ port }) => fire(shot(port)),
    );
    await expect(empty).rejects.toThrow("the first answer was 200 with 0 characters");
    const failing = withServer(
      () => new Response("no", { status: 500 }),
      ({ port }) => fire(shot(port)),
    );
    await expect(failing).rejects.toThrow("the first answer was 500");
  });
});

describe("wrk", () => {
  const line = 'millrace {"answers":9,"us":1099374,"bytes":90,"connect":0,"read":1,"write":0,"status":2,"timeout":3}';

  test("is read by the one line of its script", () => {
    expect(countsOf(`Running 1s test\n  9 requests in 1.10s\n\n${line}\n`)).toEqual({
      answers: 9,
      us: 1_099_374,
      bytes: 90,
      connect: 0,
      read: 1,
      write: 0,
      status: 2,
      timeout: 3,
    });
    expect(() => countsOf("unable to connect")).toThrow("Cannot read what wrk says");
  });

  test("is told to be wrong by the length of all answers, not by what came in part", () => {
    const counts = countsOf(line);
    expect(mismatchesIn(counts, 10, 2)).toBe(0);
    expect(mismatchesIn({ ...counts, bytes: 110 }, 10, 2)).toBe(0);
    expect(mismatchesIn({ ...counts, bytes: 111 }, 10, 2)).toBe(3);
    expect(mismatchesIn({ ...counts, bytes: 50 }, 10, 2)).toBe(4);
  });

  test("gets answers that are right, alone and 16 ahead, and notices those that are not", async () => {
    let text = "a";
    await withServer(
      () => new Response(text),
      async (run) => {
        const answer =
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain;charset=utf-8\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1\r\n\r\na";
        for (const pipelining of [1, 16]) {
          const result = await runWrk({ ...run, pipelining }, answer.length);
          expect([pipelining, result.mismatches, isRight(result)]).toEqual([pipelining, 0, true]);
          expect(result.generatorCpuNs).toBeGreaterThan(0);
        }
        text = "abc";
        expect((await runWrk(run, answer.length)).mismatches).toBeGreaterThan(0);
      },
    );
  }, 20_000);

  test("is asked for by the name of its package where it is missing", async () => {
    const code =
      'const { runWrk } = await import("./bench/load/wrk.ts"); await runWrk({}, 1).catch((e) => console.log(e.message));';
    const child = Bun.spawnSync([process.execPath, "-e", code], { cwd: ROOT, env: { PATH: "" } });
    expect(child.stdout.toString()).toBe("Cannot run wrk: it is not installed (Debian: apt-get install wrk)\n");
  });
});

describe("the arms under load", () => {
  test(
    "are saturated by autocannon and wrk",
    async () => {
      const all = await saturate(jobNamed("http16"), [armNamed("raw")], ["autocannon", "wrk"], TINY, silent);
      expect(all.map(({ arm, generator, pipelining }) => [arm, generator, pipelining])).toEqual([
        ["raw", "autocannon", 16],
        ["raw", "wrk", 16],
      ]);
      for (const { runs } of all) {
        expect(runs).toHaveLength(1);
        for (const run of runs) {
          expect(isRight(run)).toBe(true);
          expect(run.serverCpuNs).toBeGreaterThan(0);
          expect(run.generatorCpuNs).toBeGreaterThan(0);
        }
      }
    },
    { timeout: 30_000 },
  );

  test(
    "are offered half of what the slowest one takes, all of them the same",
    async () => {
      const [ours, theirs] = [armNamed("generator"), armNamed("bun-serve")];
      const { capacities, open } = await openLoop(jobNamed("http"), [ours, theirs], TINY, true, silent);
      expect(capacities.map(({ arm }) => arm)).toEqual(["generator", "bun-serve"]);
      const rate = Math.floor(Math.min(...capacities.map(perSecond)) / 2);
      expect(open.map(({ a, b, rate }) => [a, b, rate])).toEqual([
        ["generator", "bun-serve", rate],
        ["generator", "generator", rate],
      ]);
      for (const { rounds } of open) {
        expect(rounds.map(({ a, b }) => [a.length, b.length])).toEqual([[2, 2]]);
        const bursts = rounds.flatMap(({ a, b }) => a.concat(b));
        expect(new Set(bursts.map(({ answers }) => answers)).size).toBe(1);
        expect(bursts.map(({ wrong }) => wrong)).toEqual([0, 0, 0, 0]);
        // What is timed is what the extent says; the lead may end between two requests.
        const timed = Object.values(bursts[0]?.histogram ?? {}).reduce((sum, count) => sum + count, 0);
        expect(Math.abs(timed - (rate * TINY.openBurstMs) / 1000)).toBeLessThanOrEqual(2);
      }
    },
    { timeout: 30_000 },
  );

  test(
    "are run by the command, which refuses what it does not know",
    async () => {
      const child = Bun.spawnSync([process.execPath, "bench/load-arms.ts", "--jobs", "echo"], { cwd: ROOT });
      expect(child.exitCode).not.toBe(0);
      expect(child.stderr.toString()).toContain(
        "Cannot load the job echo: it does not send one HTTP request again and again",
      );
      const help = Bun.spawnSync([process.execPath, "bench/load-arms.ts", "--help"], { cwd: ROOT });
      expect(help.stdout.toString()).toContain("bun run bench:load [options]");
    },
    { timeout: 20_000 },
  );
});

describe("the report of loads", () => {
  const burst = (p99Us: number, saturated: OpenLoopResult["saturated"] = null): OpenLoopResult => ({
    answers: 100,
    wrong: 0,
    waited: 0,
    wallNs: 1e9,
    serverCpuNs: 5e8,
    generatorCpuNs: 4e8,
    busyShare: 0.3,
    saturated,
    p50Us: 40,
    p90Us: 50,
    p99Us,
    p999Us: 2 * p99Us,
    maxUs: 3 * p99Us,
    lagP99Us: 20,
    lagMaxUs: 30,
    histogram: histogramOf([40, p99Us]),
  });
  const run = (answers: number, generatorCpuNs: number, wrong = 0): SaturatingResult => ({
    answers,
    non2xx: 0,
    mismatches: wrong,
    errors: 0,
    wallNs: 1e9,
    serverCpuNs: 5e8,
    generatorCpuNs,
  });
  const comparison: OpenComparison = {
    job: "http",
    a: "generator",
    b: "raw",
    connections: 64,
    rate: 10_000,
    rounds: [
      { restart: 0, firstStarted: "a", a: [burst(110), burst(120)], b: [burst(100), burst(100, "late")] },
      { restart: 1, firstStarted: "b", a: [burst(900, "late"), burst(115)], b: [burst(100), burst(100)] },
    ],
  };
  const machine = { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 };
  const saturation = { job: "http", connections: 64, pipelining: 1 };
  const results: LoadResults = {
    machine,
    startedAt: "now",
    options: {},
    saturation: [
      {
        ...saturation,
        arm: "generator",
        generator: "wrk",
        runs: [run(50_000, 5e8), run(60_000, 5e8), run(40_000, 5e8)],
      },
      { ...saturation, arm: "raw", generator: "autocannon", runs: [run(30_000, 9.9e8)] },
    ],
    capacities: [
      {
        job: "http",
        arm: "raw",
        connections: 64,
        bursts: [{ answers: 20_000, wrong: 0, wallNs: 1e9, serverCpuNs: 1, generatorCpuNs: 1e9 }],
      },
    ],
    open: [comparison],
  };

  const reportOf = (more: Partial<LoadResults> = {}): string =>
    markdownOf(buildReport({ load: [{ ...results, ...more }] }));

  test("gives the ratio of neighbouring bursts, of all and of those that can be trusted", () => {
    const [all, clean] = [p99Ratio(comparison), cleanP99Ratio(comparison)];
    expect([all.count, clean?.count]).toEqual([4, 2]);
    expect(all.median).toBeCloseTo(1.175, 10);
    expect(clean?.median).toBeCloseTo(1.125, 10);
    const late = (bursts: readonly OpenLoopResult[]): OpenLoopResult[] =>
      bursts.map((each) => ({ ...each, saturated: "late" }));
    expect(
      cleanP99Ratio({ ...comparison, rounds: comparison.rounds.map((round) => ({ ...round, a: late(round.a) })) }),
    ).toBe(null);
  });

  test("names generator and load point in each row and says where a generator was saturated", () => {
    const report = reportOf();
    expect(report).toContain(
      "| http | generator | 50,000 | 100,000 | wrk | closed, 64 connections | 50 % | 50 % | neither |",
    );
    expect(report).toContain("| 50 % | 99 % | generator |");
    expect(report).toContain("### http: open loop, 10,000 requests/s on 64 connections");
    expect(report).toContain("| raw | 1.175 | 1.10 |");
    expect(report).toContain("(1.100-1.150), 2 pairs |");
    expect(report).toContain("raw 20,000, generator above 90 % busy.");
    expect(report).toContain("1 of 4 |");
  });

  test("says whether the arm against itself lets the ratios count", () => {
    const control = (b: readonly number[]): string => {
      const rounds = [
        { restart: 0, firstStarted: "a", a: [burst(100), burst(100)], b: b.map((p99) => burst(p99)) },
      ] as const;
      return reportOf({ open: [{ ...comparison, b: "generator", rounds }] });
    };
    expect(control([98, 104])).toContain("the ratios count");
    expect(control([80, 104])).toContain("the ratios do NOT count");
    expect(control([96, 97])).toContain("the ratios do NOT count");
  });

  test("knows a run with wrong answers", () => {
    expect(isAllRight(results)).toBe(true);
    const wrong = { ...saturation, arm: "raw", generator: "wrk", runs: [run(10, 1, 1)] } as const;
    expect(isAllRight({ ...results, saturation: [wrong] })).toBe(false);
  });
});
