// Results made by hand for the tests of the report: every verdict there is, in figures that are easy to reckon with. No machine made them.

import type { OpenLoopResult } from "../../bench/load/open-loop.ts";
import type { BurstResult } from "../../bench/load/shared/burst.ts";
import { histogramOf } from "../../bench/load/shared/histogram.ts";
import type { LoadResults, OpenComparison, SaturationRuns } from "../../bench/measure/load.ts";
import type { Machine } from "../../bench/measure/machine.ts";
import type { Results } from "../../bench/measure/results.ts";
import type { Comparison } from "../../bench/measure/rounds.ts";
import type { HistoryEntry } from "../../bench/report/history.ts";
import type { ConnectionsResult } from "../../bench/scale/connections.ts";
import type { Crowd, CrowdResult } from "../../bench/scale/crowd.ts";
import type { ScaleResults } from "../../bench/scale/results.ts";
import type { Estimate } from "../../bench/measure/statistics.ts";
import type { StartFigures } from "../../bench/scale/start.ts";

export const MACHINE: Machine = {
  cpu: "a <small> CPU",
  cores: 2,
  memoryGiB: 4,
  kernel: "6.1",
  bun: "1.4.5",
  load1: 0.5,
  packages: { hono: "4.0.0" },
};

/** A fingerprint of raw callbacks. */
export const FROZEN = "0123456789ab";

const WHERE = { machine: MACHINE, startedAt: "2026-01-02T03:04:05.678Z", revision: "abcdef0" } as const;
const WALL_NS = 1e9;

/** A second in which so many were answered at a cost of `cpuNs` each. */
function burst(cpuNs: number, answers: number, kernelNs = 0.8 * cpuNs): BurstResult {
  return {
    answers,
    wrong: 0,
    wallNs: WALL_NS,
    serverCpuNs: cpuNs * answers,
    serverKernelNs: kernelNs * answers,
    generatorCpuNs: 0.6 * WALL_NS,
  };
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
  frozen: FROZEN,
};

/** A burst of the open loop: `factor` times what ours takes. */
function openBurst(factor: number): OpenLoopResult {
  const [p50Us, p90Us, p99Us, p999Us, maxUs] = [
    80 * factor,
    160 * factor,
    900 * factor,
    2_600 * factor,
    8_000 * factor,
  ];
  return {
    answers: 4_000,
    wrong: 0,
    waited: 0,
    wallNs: WALL_NS,
    serverCpuNs: 0.5 * WALL_NS,
    generatorCpuNs: 0.4 * WALL_NS,
    busyShare: 0.4,
    saturated: null,
    p50Us,
    p90Us,
    p99Us,
    p999Us,
    maxUs,
    lagP99Us: 12,
    lagMaxUs: 40,
    histogram: histogramOf([p50Us, p90Us, p99Us, p999Us]),
  };
}

/** Ours against an arm that takes `factors` of what ours does, one each restart. */
function openComparison(b: string, factors: readonly number[]): OpenComparison {
  const rounds = factors.map((factor, restart) => ({
    restart,
    firstStarted: "a" as const,
    a: [openBurst(1), openBurst(1)],
    b: [openBurst(factor), openBurst(factor)],
  }));
  return { job: "http", a: "generator", b, connections: 64, rate: 20_000, rounds };
}

function saturation(arm: string, generator: "autocannon" | "wrk", answers: number, busy: number): SaturationRuns {
  const right = { answers, non2xx: 0, mismatches: 0, errors: 0 };
  const run = { ...right, wallNs: WALL_NS, serverCpuNs: 0.99 * WALL_NS, generatorCpuNs: busy * WALL_NS };
  return { job: "http", arm, generator, connections: 64, pipelining: 1, runs: [run, run] };
}

/** Two arms at saturation, three under an open loop with a control that is wide but holds 1. */
export const LOAD_RESULTS: LoadResults = {
  ...WHERE,
  command: "bun run bench:load",
  options: {},
  saturation: [
    saturation("generator", "wrk", 148_500, 0.7),
    saturation("generator", "autocannon", 49_500, 1),
    saturation("bun-serve", "wrk", 128_700, 0.95),
  ],
  capacities: [],
  open: [
    openComparison("raw", [0.9, 0.9]),
    openComparison("bun-serve", [1.3, 1.3]),
    openComparison("generator", [0.95, 1, 1.05]),
  ],
};

/** Ours grows by 18 % from 10 to 10,000 connections at a fixed rate, all of it in the kernel. */
function growing(arm: string, first: number, last: number): ConnectionsResult {
  const counts = [10, 100, 1_000, 10_000];
  const bursts = counts.map((_, i) => {
    const cpuNs = first + ((last - first) * i) / 3;
    return [burst(cpuNs, 10_000, cpuNs - 1_000)];
  });
  return { wire: "echo", arm, rate: 10_000, counts, rounds: [{ restart: 0, bursts }] };
}

function crowd(crowd: Crowd, count: number, bytes: number): CrowdResult {
  const ours = { residentBytes: bytes, heapBytes: bytes, beginNs: 100, armCancelNs: 50, endNs: 200, switchNs: 20 };
  return { crowd, count, ours: [ours], twin: [{ ...ours, residentBytes: bytes * 2 }] };
}

function start(firstAnswerMs: number, mebibytes: number): StartFigures {
  const resident = mebibytes * 2 ** 20;
  return { firstAnswerMs, cpuMs: firstAnswerMs, residentAfterStart: resident, residentAfterRequests: resident };
}

const STARTS = {
  millrace: start(60, 65),
  "millrace-bundled": start(45, 55),
  "millrace-compiled": start(45, 55),
  "bun-serve": start(50, 50),
};

/** Two arms among four counts of connections; 1 task, too few to tell, then 1,000 and a million; an idle connection on both; three starts. */
export const SCALE_RESULTS: ScaleResults = {
  ...WHERE,
  command: "bun run bench:scale",
  options: {},
  connections: [growing("generator", 5_000, 5_900), growing("raw", 5_500, 6_400)],
  tasks: [crowd("tasks", 1, 0), crowd("tasks", 1_000, 900), crowd("tasks", 1_000_000, 700)],
  timers: [crowd("timers", 1, 0), crowd("timers", 1_000, 300), crowd("timers", 1_000_000, 200)],
  idle: [
    { wire: "http", arm: "generator", connections: 10_000, bytesEach: [5_500, 5_500], bytesBusyEach: [9_000, 9_000] },
    { wire: "http", arm: "bun-serve", connections: 10_000, bytesEach: [5_000, 5_000], bytesBusyEach: [9_000, 9_000] },
  ],
  start: [STARTS, STARTS],
};

/** A run of a day of January, whose ratios to raw callbacks are `http` and, where that is given, `of-old`. */
export function historyEntry(day: number, http: number, more: Partial<HistoryEntry> = {}): HistoryEntry {
  const ratio = (median: number): Estimate => ({ median, low: median - 0.01, high: median + 0.01, count: 20 });
  return {
    startedAt: `2026-01-0${day}T03:04:05.678Z`,
    revision: `abcdef${day}`,
    bun: "1.4.5",
    cpu: "a <small> CPU",
    command: "bun run bench --restarts 5",
    frozen: FROZEN,
    ratios: { http: ratio(http), echo: ratio(1), "of-old": ratio(1.2) },
    ...more,
  };
}

/** Three runs, the second one against other raw callbacks. */
export const HISTORY: readonly HistoryEntry[] = [
  historyEntry(1, 1.08),
  historyEntry(2, 0.5, { frozen: "ba9876543210" }),
  historyEntry(3, 1.02),
];
