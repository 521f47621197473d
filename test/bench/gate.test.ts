// The decision of the regression gate. Its power is proven on the noise of a real machine: restarts of A/A runs on record (bench/compare/recorded) are
// drawn again and again, whole restarts first and then the pairs within each, and the function that decides for the gate decides on them,
// its clock and its deadline included. `GATE_SEED=7 GATE_RUNS=5000 bun test test/bench/gate.test.ts` draws others, and more.

import { describe, expect, test } from "bun:test";

import { GATE_JOBS, type GateJob, gateJobsNamed } from "../../bench/compare/jobs.ts";
import {
  CAUGHT_SLOWDOWN,
  FALSE_ALARM_LEVEL,
  followPlan,
  LOOKS,
  Plan,
  type Standing,
  TOLERATED_SLOWDOWN,
  type Verdict,
  verdictOfAll,
} from "../../bench/compare/plan.ts";
import { medianOfPairs, ratioOfQuiet, type Restart } from "../../bench/compare/restart.ts";
import { readRecords, type Record, restartsOf } from "../../bench/compare/recorded.ts";
import { locate } from "../../bench/compare/signed-rank.ts";
import { createPrng, type Prng } from "../../src/sim/prng.ts";
import { wholeNumber } from "../environment.ts";

const SEED = wholeNumber("GATE_SEED", 1_812);
const RUNS = wholeNumber("GATE_RUNS", 300);

const MINUTES_MAX = 12;
/** What a run needs before its first restart: the check-out, the install, a look at every job. Measured: 10 s. */
const SETUP_MS = 30_000;

const records = await readRecords();
const jobs = Object.keys(records);
const recordOf = (job: string): Record => records[job] as Record;

const equal = (count: number, slowdown: number): number[] => Array.from({ length: count }, () => Math.log1p(slowdown));

/** Values around `slowdown`, up to `by` to each side. */
const spread = (count: number, slowdown: number, by: number): number[] =>
  equal(count, slowdown).map((value, i) => value + by * ((2 * i + 1) / count - 1));

describe("locate", () => {
  test("estimates the middle by the median of all means of two", () => {
    expect(locate([3], 0.5, 0.5).estimate).toBe(3);
    expect(locate([1, 3], 0.5, 0.5).estimate).toBe(2);
    // The means are 0, 0.5, 1, 5, 5.5, 10.
    expect(locate([10, 0, 1], 0.5, 0.5).estimate).toBe(3);
    expect(() => locate([], 0.5, 0.5)).toThrow("Cannot give a location: there are no values");
  });

  test("gives the limits of the published table of the signed-rank test", () => {
    // Critical sums at 0.025: 0 for 6 values, 8 for 10, 52 for 20. The limit is the mean that comes next in the order.
    const orderOfLimit = (n: number): number => {
      const values = Array.from({ length: n }, (_, i) => 2 ** i);
      const means = values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2)).toSorted((a, b) => a - b);
      return means.indexOf(locate(values, 0.025, 0.5).low);
    };
    expect([6, 10, 20].map(orderOfLimit)).toEqual([0, 8, 52]);
    expect(locate([1, 2, 3, 4, 5], 0.025, 0.025)).toEqual({ estimate: 3, low: -Infinity, high: Infinity });
    expect(locate([1, 2, 3, 4, 5], 1 / 32, 1 / 32)).toEqual({ estimate: 3, low: 1, high: 5 });
  });

  test("looks at both sides alike", () => {
    const values = [0.3, -1, 2.5, 0.1, 0.7, -0.2, 4];
    const { estimate, low, high } = locate(values, 0.1, 0.02);
    const mirrored = locate(
      values.map((value) => -value),
      0.02,
      0.1,
    );
    expect([-mirrored.estimate, -mirrored.high, -mirrored.low]).toEqual([estimate, low, high]);
  });

  test("is wrong no more often than its level, with two-humped values and wild outliers", () => {
    const prng = createPrng(SEED);
    const wild = (): number =>
      (prng.chance(0.5) ? 1 : -1) * (prng.chance(0.2) ? 1 / (prng.next() + 1e-9) : 1 + prng.next());
    let wrong = 0;
    const trials = 4_000;
    for (let i = 0; i < trials; i++) if (locate(Array.from({ length: 12 }, wild), 0.05, 0.05).low > 0) wrong++;
    // Four standard deviations above the level.
    expect(wrong / trials).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / trials));
    expect(wrong / trials).toBeGreaterThan(0.02);
  });
});

describe("the value of a restart", () => {
  test("is the median of the pairs' ratios, or the ratio of the quiet samples", () => {
    expect(medianOfPairs({ head: [1, 2, 900], base: [1, 1, 1] })).toBeCloseTo(Math.log(2), 12);
    expect(medianOfPairs({ head: [4, 2, 8], base: [4, 1, 2] })).toBeCloseTo(Math.log(2), 12);
    expect(() => medianOfPairs({ head: [1], base: [] })).toThrow("Cannot pair 1 samples with 0");
    expect(ratioOfQuiet({ head: [900, 2, 2, 2, 700], base: [1, 1, 1, 300, 400] })).toBeCloseTo(Math.log(2), 12);
  });
});

describe("Plan", () => {
  test("brings all jobs to a look before any goes on, the one that looks worst first", () => {
    const plan = new Plan(["a", "b", "c"]);
    expect(plan.next()).toEqual({ job: "a", restarts: 10 });
    plan.add("a", spread(10, 0.01, 0.1));
    expect(plan.next()).toEqual({ job: "b", restarts: 10 });
    plan.add("b", spread(10, 0.04, 0.1));
    plan.add("c", equal(10, 0));
    expect(plan.standings().map(({ verdict }) => verdict)).toEqual(["unsure", "unsure", "passes"]);
    expect(plan.next()).toEqual({ job: "b", restarts: 10 });
    plan.add("b", spread(10, 0.04, 0.1));
    expect(plan.next()).toEqual({ job: "a", restarts: 10 });
    expect(() => plan.add("d", [])).toThrow('Cannot add to the job "d": it is not in the plan');
  });

  test("fails nothing at the first look, nor between two", () => {
    const plan = new Plan(["a"]);
    const verdicts: Verdict[] = [];
    for (let count = 1; count <= 20; count++) {
      plan.add("a", equal(1, 0.5));
      verdicts.push(plan.standings()[0]?.verdict as Verdict);
    }
    expect(verdicts).toEqual([...Array.from({ length: 19 }, (): Verdict => "unsure"), "fails"]);
    expect(plan.next()).toBeNull();
  });

  test("lets a slowdown go that is sure but small", () => {
    const verdictAt = (slowdown: number): Verdict | undefined => {
      const plan = new Plan(["a"]);
      plan.add("a", equal(20, slowdown));
      return plan.standings()[0]?.verdict;
    };
    expect(verdictAt(TOLERATED_SLOWDOWN - 0.001)).toBe("passes");
    expect(verdictAt(TOLERATED_SLOWDOWN + 0.001)).toBe("fails");
    expect(verdictAt(CAUGHT_SLOWDOWN)).toBe("fails");
    expect(verdictAt(-0.2)).toBe("passes");
  });

  test("ends unsure when the last look decides nothing", () => {
    const plan = new Plan(["a"]);
    const last = LOOKS.at(-1) as number;
    for (let request = plan.next(); request !== null; request = plan.next())
      plan.add("a", spread(request.restarts, 0.025, 0.3));
    expect(plan.standings()).toMatchObject([{ verdict: "unsure", restarts: last }]);
    expect(verdictOfAll(plan.standings())).toBe("unsure");
  });

  test("asks more of a job the more jobs there are", () => {
    const lowOf = (count: number): number => {
      const plan = new Plan(Array.from({ length: count }, (_, i) => `job ${i}`));
      plan.add("job 0", spread(20, 0.05, 0.1));
      return plan.standings()[0]?.slowdown.low as number;
    };
    expect(lowOf(20)).toBeLessThan(lowOf(1));
  });
});

describe("followPlan", () => {
  test("begins nothing that would end after the deadline, and says what was known by then", async () => {
    let ms = 0;
    const standings = await followPlan(
      ["a", "b"],
      async ({ job, restarts: count }) => {
        ms += 100 * count;
        return spread(count, job === "a" ? 0.02 : 0, 0.2);
      },
      () => ms,
      3_500,
    );
    expect(ms).toBe(3_000);
    expect(standings.map(({ restarts: count }) => count)).toEqual([20, 10]);
    expect(standings.map(({ verdict }) => verdict)).toEqual(["unsure", "unsure"]);
  });
});

describe("followPlan, when a machine becomes slower", () => {
  test("breaks off what it has begun rather than pass the deadline by more than two restarts", async () => {
    let ms = 0;
    let calls = 0;
    const standings = await followPlan(
      ["a"],
      async ({ restarts: count }) => {
        // Ten restarts of 100 ms, then ten times as slow.
        ms += (++calls > 5 ? 1_000 : 100) * count;
        return spread(count, 0.02, 0.2);
      },
      () => ms,
      4_000,
    );
    expect(ms).toBe(3_000);
    expect(standings).toMatchObject([{ job: "a", restarts: 12, verdict: "unsure" }]);
  });
});

describe("verdictOfAll", () => {
  test("fails with any job, and passes with all", () => {
    const of = (...verdicts: Verdict[]): Verdict => verdictOfAll(verdicts.map((verdict) => ({ verdict }) as Standing));
    expect(of("passes", "unsure", "fails")).toBe("fails");
    expect(of("passes", "unsure")).toBe("unsure");
    expect(of("passes", "passes")).toBe("passes");
  });
});

// --- On the noise of a real machine ---------------------------------------------------------------------------------------------

/**
 * Draws a restart, then its pairs, head being slower by `slowdown` than it was. The sides of an A/A run are the same program, and which of them is
 * called head is a toss: it is tossed again.
 */
function draw(pool: readonly Restart[], slowdown: number, prng: Prng): Restart {
  const { head, base } = pool[prng.between(0, pool.length - 1)] as Restart;
  const [ours, theirs] = prng.chance(0.5) ? [head, base] : [base, head];
  const pairs = ours.map(() => prng.between(0, ours.length - 1));
  return {
    head: pairs.map((pair) => (ours[pair] as number) * (1 + slowdown)),
    base: pairs.map((pair) => theirs[pair] as number),
  };
}

const gateJob = (name: string): GateJob => gateJobsNamed([name])[0] as GateJob;
const pools = new Map(jobs.map((job) => [job, restartsOf(recordOf(job))]));

/** A whole run of the gate in virtual time, the jobs in `slower` being slower by 5 %. */
async function simulate(seed: number, slower: readonly string[]): Promise<Standing[]> {
  const prng = createPrng(seed);
  let ms = SETUP_MS;
  const standings = await followPlan(
    jobs,
    async ({ job, restarts: count }) => {
      ms += count * recordOf(job).seconds * 1000;
      const slowdown = slower.includes(job) ? CAUGHT_SLOWDOWN : 0;
      const drawn = Array.from({ length: count }, () => draw(pools.get(job) as Restart[], slowdown, prng));
      return drawn.map(gateJob(job).valueOf);
    },
    () => ms,
    MINUTES_MAX * 60_000,
  );
  expect(ms).toBeLessThanOrEqual(MINUTES_MAX * 60_000);
  return standings;
}

/** Runs in which `judge` holds, of `runs`. */
async function count(
  runs: number,
  slower: readonly string[],
  judge: (standings: Standing[]) => boolean,
): Promise<number> {
  let held = 0;
  for (let run = 0; run < runs; run++) if (judge(await simulate(SEED + run, slower))) held++;
  return held;
}

const fails = (standings: Standing[]): boolean => verdictOfAll(standings) === "fails";
const seeds = `seeds ${SEED} to ${SEED + RUNS - 1}`;

describe("the gate, on recorded noise", () => {
  test("has at least 200 pairs of each of its jobs, of at least 20 restarts", () => {
    expect(jobs.toSorted()).toEqual(GATE_JOBS.map(({ name }) => name).toSorted());
    for (const job of jobs) {
      const { pairs, head, base, seconds } = recordOf(job);
      expect(head.length).toBe(base.length);
      expect(pairs).toBeGreaterThanOrEqual(10);
      expect(head.length / pairs).toBeGreaterThanOrEqual(20);
      expect(seconds).toBeGreaterThan(0);
      for (const cost of [...head, ...base]) expect(Number.isSafeInteger(cost) && cost > 0).toBe(true);
    }
  });

  test.each(jobs)("favours no side of its harness: %s", (job) => {
    const { low, high } = locate((pools.get(job) as Restart[]).map(gateJob(job).valueOf), 0.001, 0.001);
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  });

  test(
    `alarms at most once in 100 A/A runs, all jobs together (${seeds})`,
    async () => {
      const runs = RUNS * 3;
      expect((await count(runs, [], fails)) / runs).toBeLessThanOrEqual(FALSE_ALARM_LEVEL);
    },
    { timeout: 60_000 },
  );

  test.each(jobs)(
    `catches a slowdown of 5 %% at least 95 times in 100: %s (${seeds})`,
    async (job) => {
      const caught = await count(RUNS, [job], (standings) =>
        standings.some((standing) => standing.job === job && standing.verdict === "fails"),
      );
      expect(caught / RUNS).toBeGreaterThanOrEqual(0.95);
    },
    { timeout: 60_000 },
  );

  test(
    `catches a slowdown of 5 % of all jobs at once (${seeds})`,
    async () => {
      expect((await count(RUNS, jobs, fails)) / RUNS).toBeGreaterThanOrEqual(0.95);
    },
    { timeout: 60_000 },
  );
});
