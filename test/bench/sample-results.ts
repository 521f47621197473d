// Results made by hand for the tests of the report: every verdict there is, in figures that are easy to reckon with. No machine made them.

import type { BurstResult } from "../../bench/load/shared/burst.ts";
import type { Machine } from "../../bench/measure/machine.ts";
import type { Results } from "../../bench/measure/results.ts";
import type { Comparison } from "../../bench/measure/rounds.ts";
import type { LoadResults, OpenLoopRow } from "../../bench/report/from-load.ts";
import type { ScaleResults } from "../../bench/report/from-scale.ts";

export const MACHINE: Machine = {
  cpu: "a <small> CPU",
  cores: 2,
  memoryGiB: 4,
  kernel: "6.1",
  bun: "1.4.5",
  load1: 0.5,
  packages: { hono: "4.0.0" },
};

const WHERE = { machine: MACHINE, startedAt: "2026-01-02T03:04:05.678Z" } as const;
const WALL_NS = 1e9;

/** A second in which so many were answered at a cost of `cpuNs` each. */
function burst(cpuNs: number, answers: number): BurstResult {
  return { answers, wrong: 0, wallNs: WALL_NS, serverCpuNs: cpuNs * answers, generatorCpuNs: 0.6 * WALL_NS };
}

/** A comparison whose pairs have the `ratios` of CPU time, theirs always costing `cpuNs`. */
function comparison(job: string, a: string, b: string, cpuNs: number, ratios: readonly number[]): Comparison {
  const rounds = ratios.map((ratio, restart) => ({
    restart,
    firstStarted: restart % 2 === 0 ? ("a" as const) : ("b" as const),
    a: [burst(cpuNs * ratio, 100_000), burst(cpuNs * ratio, 100_000)],
    b: [burst(cpuNs, 80_000), burst(cpuNs, 80_000)],
  }));
  return { job, a, b, rounds };
}

const around = (ratio: number, width: number): number[] => [-2, -1, 0, 1, 2].map((step) => ratio + (step * width) / 2);
const CONTROL = [0.998, 0.999, 1, 1.001, 1.002];

/** `http` has a good control and each verdict but one, `echo` a control that does not hold, `hono` none of its own. */
export const ARMS_RESULTS: Results = {
  ...WHERE,
  command: "bun run bench --restarts 5",
  options: { restarts: 5, connections: 64, rate: 0 },
  comparisons: [
    comparison("http", "generator", "bun-serve", 7_000, around(0.85, 0.02)),
    comparison("http", "generator", "bun-static", 5_500, around(1.09, 0.02)),
    comparison("http", "generator", "async-naive", 5_800, around(1.0, 0.02)),
    comparison("http", "generator", "generator", 6_000, CONTROL),
    comparison("http16", "generator", "bun-serve", 4_600, around(0.16, 0.02)),
    comparison("http16", "generator", "generator", 700, CONTROL),
    comparison("browser", "generator", "bun-serve", 7_000, around(1.1, 0.02)),
    comparison("browser", "generator", "generator", 700, CONTROL),
    comparison("rotating", "generator", "async-await", 7_000, around(0.8, 0.02)),
    comparison("rotating", "generator", "generator", 5_600, CONTROL),
    comparison("echo", "generator", "raw", 5_000, around(1.02, 0.02)),
    comparison("echo", "generator", "generator", 5_000, around(1.05, 0.02)),
    comparison("echo", "async-await", "raw", 5_000, around(1.1, 0.02)),
  ],
  idle: [
    { arm: "generator", connections: 1_000, bytesEach: 6_000, all: [6_000, 6_000], ratio: 0 },
    { arm: "raw", connections: 1_000, bytesEach: 4_000, all: [4_000, 4_000], ratio: 1.5 },
  ],
};

const LATENCY = { p50Us: 80, p90Us: 160, p99Us: 900, p999Us: 2_600, maxUs: 8_000, lagP99Us: 12, busyShare: 0.4 };

function openLoop(arm: string, factor: number): OpenLoopRow[] {
  const { lagP99Us, busyShare, ...latencies } = LATENCY;
  const own = Object.fromEntries(Object.entries(latencies).map(([name, us]) => [name, us * factor]));
  const row = { job: "http", arm, rate: 20_000, connections: 64, lagP99Us, busyShare, ...own } as OpenLoopRow;
  return [row, row];
}

/** Two arms at saturation by wrk, three under an open loop. */
export const LOAD_RESULTS: LoadResults = {
  ...WHERE,
  command: "bun run bench:load",
  options: {},
  saturated: ["generator", "bun-serve"].map((arm, i) => ({
    job: "http",
    arm,
    generator: "wrk",
    loadPoint: "closed, 64 connections, 1 thread",
    perSecond: 150_000 - 20_000 * i,
    perCoreSecond: 151_000 - 20_000 * i,
    serverBusy: 0.99,
    generatorBusy: 0.7 + 0.25 * i,
  })),
  openLoop: [...openLoop("generator", 1), ...openLoop("raw", 0.9), ...openLoop("bun-serve", 1.3)],
};

/** Four counts of connections for two arms, three of tasks and of timers, two starts. */
export const SCALE_RESULTS: ScaleResults = {
  ...WHERE,
  command: "bun run bench:scale",
  options: {},
  connections: ["generator", "raw"].flatMap((arm, i) =>
    [10, 100, 1_000, 10_000].map((connections, step) => ({ arm, connections, cpuNs: [5_000 + 300 * step + 500 * i] })),
  ),
  counts: (["tasks", "timers"] as const).flatMap((what, i) =>
    [1, 1_000, 1_000_000].map((count, step) => ({ what, count, bytesEach: [900 - 100 * step - 400 * i] })),
  ),
  starts: [
    { arm: "generator", firstAnswerMs: [60, 60, 60], residentBytes: [60 * 2 ** 20] },
    { arm: "bun-serve", firstAnswerMs: [50, 50, 50], residentBytes: [50 * 2 ** 20] },
  ],
};
