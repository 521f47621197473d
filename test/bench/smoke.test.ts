// The benches, run small: that each part runs and a report comes of it. No figure is looked at.

import { describe, expect, test } from "bun:test";

import { type Arm, armNamed } from "../../bench/measure/arms.ts";
import { type Job, jobsNamed } from "../../bench/measure/jobs.ts";
import { Generator, Server } from "../../bench/measure/processes.ts";
import { compare, type Extent } from "../../bench/measure/rounds.ts";
import { cpuRatio } from "../../bench/measure/ratios.ts";
import { buildReport } from "../../bench/report/build.ts";
import { markdownOf } from "../../bench/report/markdown.ts";
import { timeSide } from "../../bench/micro/child.ts";
import { BENCHES, benchesNamed } from "../../bench/micro/shared/benches.ts";

const TINY: Extent = { restarts: 1, warmMs: 4, burstMs: 5, sequences: 1, connections: 2, rate: 0 };
const silent = (): void => {};
const jobNamed = (name: string): Job => jobsNamed([name])[0] as Job;

describe("a comparison", () => {
  test(
    "pairs its bursts and makes a report",
    async () => {
      const ours: Arm = armNamed("generator");
      const comparisons = [
        await compare(jobNamed("echo"), ours, armNamed("async-await"), TINY, silent),
        await compare(jobNamed("tls-echo"), armNamed("generator-tls"), armNamed("raw-tls"), TINY, silent),
        await compare(jobNamed("http16"), ours, ours, TINY, silent),
        await compare(jobNamed("http16"), ours, armNamed("bun-serve"), TINY, silent),
      ];
      for (const comparison of comparisons) {
        expect(comparison.rounds.map(({ a, b }) => [a.length, b.length])).toEqual([[2, 2]]);
        expect(cpuRatio(comparison).count).toBe(2);
      }
      const machine = { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 };
      const results = { machine, startedAt: "now", options: {}, comparisons };
      const report = markdownOf(buildReport({ arms: [results] }));
      expect(report).toContain("| async-await |");
      expect(report).toContain("| raw-tls |");
      expect(report).toContain("## The A/A control");
      expect(report).toContain("| 0.16 |");
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
