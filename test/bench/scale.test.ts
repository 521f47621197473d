// The scale bench, run small: that every part runs and counts what it claims to count. No figure is looked at.

import { describe, expect, test } from "bun:test";

import { BurstDriver, type BurstResult, type LoadConnection } from "../../bench/load/shared/burst.ts";
import { armNamed } from "../../bench/measure/arms.ts";
import { buildReport } from "../../bench/report/build.ts";
import { markdownOf } from "../../bench/report/markdown.ts";
import { measureSide } from "../../bench/scale/child.ts";
import { type ConnectionsResult, measureConnections } from "../../bench/scale/connections.ts";
import type { CrowdRound } from "../../bench/scale/crowd.ts";
import { measureIdle } from "../../bench/scale/idle.ts";
import { PARTS, partsNamed, type ScaleResults } from "../../bench/scale/results.ts";
import { connectionsRows, crowdRows, idleRows, startRows } from "../../bench/scale/rows.ts";
import { measureStart, START_ARMS, type StartFigures, type StartRound } from "../../bench/scale/start.ts";

const silent = (): void => {};

const burst = (serverCpuNs: number, serverKernelNs: number): BurstResult => ({
  answers: 10,
  wrong: 0,
  wallNs: 1e9,
  serverCpuNs,
  serverKernelNs,
  generatorCpuNs: 5e8,
});

const crowdRound = (switchNs: number): CrowdRound => ({
  residentBytes: 400,
  heapBytes: 370,
  beginNs: 300,
  armCancelNs: 0,
  endNs: 90,
  switchNs,
});

const startFigures = (firstAnswerMs: number): StartFigures => ({
  firstAnswerMs,
  cpuMs: 5,
  residentAfterStart: firstAnswerMs * 2 ** 20,
  residentAfterRequests: 2 * firstAnswerMs * 2 ** 20,
});

const startRound = (ours: number, bundled: number, theirs: number): StartRound => ({
  millrace: startFigures(ours),
  "millrace-bundled": startFigures(bundled),
  "millrace-compiled": startFigures(bundled),
  "bun-serve": startFigures(theirs),
});

const RESULTS: ScaleResults = {
  machine: { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 },
  startedAt: "now",
  options: {},
  connections: [
    {
      wire: "echo",
      arm: "generator",
      rate: 8_000,
      counts: [10, 10_000],
      rounds: [
        {
          restart: 0,
          bursts: [
            [burst(100, 40), burst(200, 70)],
            [burst(110, 100), burst(240, 138)],
          ],
        },
      ],
    },
  ],
  tasks: [
    {
      crowd: "tasks",
      count: 1_000,
      ours: [crowdRound(10), crowdRound(30), crowdRound(20)],
      twin: [crowdRound(40), crowdRound(50), crowdRound(60)],
    },
  ],
  timers: [],
  idle: [
    { wire: "http", arm: "generator", connections: 100, bytesEach: [1_000, 2_000], bytesBusyEach: [1, 1] },
    { wire: "http", arm: "bun-serve", connections: 100, bytesEach: [500, 4_000], bytesBusyEach: [1, 1] },
  ],
  start: [startRound(20, 15, 10), startRound(40, 30, 10), startRound(30, 30, 20)],
};

describe("bench:scale's rows", () => {
  test("connectionsRows sets the bursts of the most connections against those of the fewest beside them", () => {
    const [row] = connectionsRows(RESULTS.connections);
    expect(row?.points.map(({ cpuNs }) => cpuNs)).toEqual([15, 17.5]);
    expect(row?.points[0]).toMatchObject({ connections: 10, eventsPerSecond: 10, generatorBusy: 0.5 });
    expect(row?.growth).toMatchObject({ median: 1.15, count: 2 });
  });

  test("crowdRows gives medians of both sides", () => {
    expect(crowdRows(RESULTS.tasks)).toEqual([
      { crowd: "tasks", count: 1_000, ours: crowdRound(20), twin: crowdRound(50) },
    ]);
  });

  test("idleRows and startRows give ratios of what was measured in one restart", () => {
    const [ours, theirs] = idleRows(RESULTS.idle);
    expect([ours?.bytes, ours?.ratio, theirs?.bytes, theirs?.ratio?.median]).toEqual([1_500, null, 2_250, 1.25]);
    const rows = startRows(RESULTS.start);
    expect(rows.map(({ arm }) => arm)).toEqual([...START_ARMS]);
    expect(rows.map(({ ratios }) => ratios?.firstAnswerMs.median)).toEqual([2, 1.5, 1.5, undefined]);
    expect(startRows([])).toEqual([]);
  });

  test("are shown for the parts that were measured, and no others", () => {
    const report = markdownOf(buildReport({ scale: [RESULTS] }));
    expect(report).toContain("| generator | 1.150 | 1.25 | holds | 1.100-1.200 | 0.01, 0.02 | 10; 10 |");
    expect(report).toContain(
      "| generator | 2.164 (2.164-2.164) | 0.589 (0.589-0.589) | 1.000 | 0.01, 0.01 | 0.01, 0.01 |",
    );
    expect(report).toContain("| async functions | 1,000 | 400 | 370 | 300 | 50 |  | 90 |");
    expect(report).toContain("| http, bun-serve | 1.250 | 1.20 | not shown to hold | 0.500-2.000 | 2,250 | 1 | 100 |");
    expect(report).toContain("| bun-serve | 10.0 | 5.0 | 10.0 |");
    expect(report).not.toContain("| timers |");
  });

  test("connectionsRows tells the kernel's growth only where it was seen", () => {
    const [result] = RESULTS.connections as readonly [ConnectionsResult];
    const withKernel = (serverKernelNs: number | undefined): ConnectionsResult => ({
      ...result,
      rounds: result.rounds.map(({ restart, bursts }) => ({
        restart,
        bursts: bursts.map((own) =>
          own.map(({ serverKernelNs: _, ...rest }) =>
            serverKernelNs === undefined ? rest : { ...rest, serverKernelNs },
          ),
        ),
      })),
    });
    const [unknown, none, all] = connectionsRows([withKernel(undefined), withKernel(0), withKernel(1_000)]);
    expect([unknown?.growthInKernel, unknown?.growthOutside, unknown?.points[0]?.kernelNs]).toEqual([null, null, null]);
    expect([none?.growthInKernel, none?.growthOutside?.count, none?.points[0]?.kernelNs]).toEqual([null, 1, 0]);
    // Ticks are coarse: more of them than there was CPU time are all of it.
    expect([all?.growthInKernel?.count, all?.growthOutside, all?.points[0]?.kernelNs]).toEqual([1, null, 15]);
  });

  test("partsNamed gives the parts in their order", () => {
    expect(partsNamed([])).toBe(PARTS);
    expect(partsNamed(["start", "tasks"])).toEqual(["tasks", "start"]);
    expect(() => partsNamed(["fetch"])).toThrow('Cannot measure the part "fetch": it is none of ours');
  });
});

describe("bench:scale", () => {
  test("BurstDriver gives every connection its turn at a fixed rate, however soon the others are free again", async () => {
    const sent = [0, 0, 0, 0, 0];
    const connections = sent.map((_, i): LoadConnection => ({
      send() {
        sent[i]!++;
        queueMicrotask(() => driver.answered(this, 0));
      },
    }));
    const extent = { port: 0, serverPid: 0, connections: 5, ms: 30, request: "", pipelining: 1, rate: 4_000 };
    const driver: BurstDriver = new BurstDriver(extent, connections);
    const { answers } = await driver.run();
    expect(answers).toBeGreaterThan(5);
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(answers);
    expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(1);
  });

  test("measureConnections has two bursts of each number in each restart", async () => {
    const extent = { counts: [1, 3], restarts: 2, warmMs: 4, burstMs: 5 };
    const result = await measureConnections("echo", armNamed("generator"), 2_000, extent, silent);
    expect(result).toMatchObject({ wire: "echo", arm: "generator", rate: 2_000, counts: [1, 3] });
    expect(result.rounds.map(({ bursts }) => bursts.map(({ length }) => length))).toEqual([
      [2, 2],
      [2, 2],
    ]);
    for (const { answers, serverCpuNs } of result.rounds.flatMap(({ bursts }) => bursts.flat())) {
      expect(answers).toBeGreaterThan(0);
      expect(serverCpuNs).toBeGreaterThan(0);
    }
  });

  test.each([
    ["tasks", "ours"],
    ["tasks", "twin"],
    ["timers", "ours"],
    ["timers", "twin"],
  ] as const)("measures %s: %s", async (crowd, side) => {
    const { residentBytes, heapBytes, beginNs, armCancelNs, endNs } = await measureSide(crowd, side, 200);
    expect([residentBytes, heapBytes]).toEqual([0, 0]);
    expect(Math.min(beginNs, endNs)).toBeGreaterThan(0);
    expect(armCancelNs > 0).toBe(crowd === "timers");
  });

  test("measureIdle sees the memory of each arm's connections, and that they are open", async () => {
    const extent = { connections: 300, restarts: 1, settles: 0, restMs: 0 };
    const results = await measureIdle("http", [armNamed("generator"), armNamed("bun-serve")], extent, silent);
    expect(results.map(({ arm, bytesEach }) => [arm, bytesEach.length])).toEqual([
      ["generator", 1],
      ["bun-serve", 1],
    ]);
    for (const { bytesBusyEach } of results) expect(bytesBusyEach[0]).toBeGreaterThan(0);
  });

  test("measureStart starts every arm and has it answer", async () => {
    const rounds = await measureStart({ restarts: 1, requests: 3 }, silent);
    expect(rounds).toHaveLength(1);
    for (const arm of START_ARMS) {
      const { firstAnswerMs, cpuMs, residentAfterStart } = rounds[0]![arm];
      expect(Math.min(firstAnswerMs, cpuMs)).toBeGreaterThan(0);
      expect(residentAfterStart).toBeGreaterThan(2 ** 20);
    }
  });
});
