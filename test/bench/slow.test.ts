// The bench of slow clients, run small: that slow clients are slow and what becomes of them is told rightly. The good client is the open loop
// of open-loop.test.ts. No figure of speed is looked at.

import { describe, expect, test } from "bun:test";

import type { OpenLoopResult } from "../../bench/load/open-loop.ts";
import type { Fates } from "../../bench/load/slow.ts";
import { armNamed } from "../../bench/measure/arms.ts";
import { measureSlow, type SlowExtent, type SlowRound } from "../../bench/measure/slow.ts";
import { bytesEach, closedInTime, p99Ratio, slowReportOf } from "../../bench/measure/slow-report.ts";

const TINY: SlowExtent = {
  drips: 20,
  dripMs: 50,
  nonReaders: 2,
  headMs: 2_500,
  writeStallMs: 1_000,
  warmMs: 50,
  quietMs: 50,
  comingMs: 50,
  rate: 200,
  settles: 1,
};

describe("measureSlow", () => {
  test(
    "holds a server with slow clients until it has closed them all",
    async () => {
      const round = await measureSlow(armNamed("generator"), TINY, () => {});
      const { drips, nonReaders } = round.clients;
      expect(drips).toMatchObject({ opened: 20, statuses: { "408": 20 } });
      expect(drips.closedMs).toHaveLength(20);
      // Not before the deadline, but for the rounding of clocks; how long after it is the bench's to say.
      expect(drips.closedMs[0]).toBeGreaterThan(TINY.headMs - 50);
      expect(nonReaders).toMatchObject({ opened: 2, statuses: {} });
      expect(nonReaders.closedMs).toHaveLength(2);
      // What the kernel at the clients' end holds, not the answer.
      expect(nonReaders.bytesTaken).toBeLessThan(10_000_000);
      for (const memory of [round.before, round.withDrips, round.withAll, round.after]) {
        expect(memory.resident).toBeGreaterThan(0);
      }
      expect(round.peakResident).toBeGreaterThan(0);
      for (const { answers, wrong } of [round.quiet, round.coming, round.slow])
        expect([answers > 0, wrong]).toEqual([true, 0]);
    },
    { timeout: 30_000 },
  );
});

describe("slowReportOf", () => {
  const steady = (p99Us: number): OpenLoopResult => ({
    answers: 1,
    wrong: 0,
    waited: 0,
    wallNs: 1,
    serverCpuNs: 0,
    generatorCpuNs: 1,
    busyShare: 0,
    saturated: null,
    p50Us: 1,
    p90Us: p99Us,
    p99Us,
    p999Us: p99Us,
    maxUs: p99Us,
    lagP99Us: 0,
    lagMaxUs: 0,
    histogram: {},
  });
  const memory = (resident: number): SlowRound["before"] => ({ resident, kernel: 0 });
  const fates = (...closedMs: number[]): Fates => ({
    opened: 4,
    closedMs,
    bytesTaken: 0,
    statuses: { "408": closedMs.length },
  });
  const round = (p99Us: number): SlowRound => ({
    arm: "generator",
    quiet: steady(100),
    coming: steady(500),
    slow: steady(p99Us),
    before: memory(1_000_000),
    withDrips: memory(1_040_000),
    withAll: memory(1_340_000),
    peakResident: 2_000_000,
    after: memory(1_000_000),
    clients: { drips: fates(2_500, 2_510, 3_600), nonReaders: fates() },
  });

  test("says by how much slow clients stretch the p99 and what each takes", () => {
    const rounds = [round(150), round(190), round(900)];
    expect(p99Ratio(rounds)).toBe(1.9);
    expect(bytesEach(rounds, TINY)).toEqual({ drip: 2_000, nonReader: 150_000 });
    const machine = { cpu: "a cpu", cores: 1, memoryGiB: 1, kernel: "1", bun: "1", load1: 0 };
    const report = slowReportOf({ machine, startedAt: "now", options: {}, extent: TINY, rounds });
    expect(report).toContain("| 1.90 | holds |");
    expect(report).toContain("| 146.5 | does NOT hold |");
    expect(report).toContain("| generator: drips | 12 | 2,500 | 6 | 9 | 2,500 | 3,600 | 408: 9 |");
  });

  test("counts a client as closed in time neither before its deadline nor long after it", () => {
    expect(closedInTime(fates(1_000, 1_799, 1_800, 2_300, 2_301), 1_800)).toBe(3);
    expect(closedInTime(fates(1_000, 2_000, 4_000, 4_200), 1_800, 2)).toBe(2);
  });
});
