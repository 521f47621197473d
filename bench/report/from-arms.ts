// From the results of `bun run bench`: ratios of CPU time with their verdicts, rates with how busy each side was, the controls.

import type { BurstResult } from "../load/shared/burst.ts";
import { type Job, JOBS } from "../measure/jobs.ts";
import { answersPerSecond, BASELINE_RATIO_MAX, cpuPerAnswer, cpuRatio, rateRatio } from "../measure/ratios.ts";
import type { Results } from "../measure/results.ts";
import type { Comparison } from "../measure/rounds.ts";
import { controlHolds, type Estimate, median } from "../measure/statistics.ts";
import { type Block, type Cell, type Ratio, type Section, table, text } from "./model.ts";
import { RATIO_COLUMNS, RATIO_NUMBERS, ratioRow } from "./ratio-cells.ts";
import type { RateRow } from "./rates.ts";
import { controlsHold, VERDICT_WORDS, verdictOf } from "./verdict.ts";
import { interval, microseconds, ratio as ratioText, whole, withInterval } from "./words.ts";

/** The control of a job: an arm against itself. */
export interface Control {
  readonly job: string;
  readonly arm: string;
  readonly estimate: Estimate;
}

/** What our arm is held against at a job. */
interface Held {
  readonly comparison: Comparison;
  readonly ratio: Ratio;
}

/** The jobs that were measured, in the order of the bench; one that the bench no longer knows is kept, without a bound. */
function jobsOf({ comparisons }: Results): Pick<Job, "name" | "about" | "arms" | "atMost">[] {
  const done = new Set(comparisons.map(({ job }) => job));
  const known = JOBS.filter(({ name }) => done.delete(name));
  const gone = [...done].map((name) => {
    const first = comparisons.find(({ job }) => job === name) as Comparison;
    return { name, about: "a job of an earlier bench", arms: [first.a] as const, atMost: {} };
  });
  return [...known, ...gone];
}

/** The A/A controls. */
export function controlsOf({ comparisons }: Results): Control[] {
  const own = comparisons.filter(({ a, b }) => a === b);
  return own.map((comparison) => ({ job: comparison.job, arm: comparison.a, estimate: cpuRatio(comparison) }));
}

/** All ratios of CPU time, ours over theirs. A job is judged by its own controls, or by all of the session where it has none. */
export function cpuRatiosOf(results: Results): Ratio[] {
  return jobsOf(results).flatMap((job) => heldOf(job, results).map(({ ratio }) => ratio));
}

function heldOf({ name, arms, atMost }: Pick<Job, "name" | "arms" | "atMost">, results: Results): Held[] {
  const controls = controlsOf(results);
  const own = controls.filter(({ job }) => job === name);
  const counts = controlsHold((own.length > 0 ? own : controls).map(({ estimate }) => estimate));
  const pairs = results.comparisons.filter(({ job, a, b }) => job === name && a === arms[0] && b !== a);
  return pairs.map((comparison) => {
    const [estimate, bound] = [cpuRatio(comparison), atMost[comparison.b] ?? null];
    const verdict = verdictOf(estimate, bound, counts);
    return { comparison, ratio: { job: name, against: comparison.b, estimate, atMost: bound, verdict } };
  });
}

/** How many requests a second each arm answered, and how busy both sides were. */
export function rateRowsOf(results: Results): RateRow[] {
  return jobsOf(results).flatMap((job) => {
    const at = { generator: `load/${generatorOf(job.name)}.ts`, loadPoint: loadPointOf(job.name, results) };
    return [...burstsByArm(job.name, results)].map(([arm, bursts]) => rateOf({ job: job.name, arm, ...at }, bursts));
  });
}

const jobNamed = (name: string): Job | undefined => JOBS.find((job) => job.name === name);

const generatorOf = (name: string): string => jobNamed(name)?.load ?? "http";

/** How an arm is loaded at a job. */
function loadPointOf(name: string, { options }: Results): string {
  const { connections, rate } = options as { connections?: number; rate?: number };
  const { connectionsMax, pipelining, others } = jobNamed(name) ?? {
    connectionsMax: Infinity,
    pipelining: 1,
    others: [],
  };
  const parts = [
    rate !== undefined && rate > 0 ? `${whole(rate)} requests/s offered` : "closed",
    connections === undefined ? [] : `${Math.min(connections, connectionsMax)} connections`,
    pipelining > 1 ? `${pipelining} ahead` : [],
    others.length > 0 ? `${whole(others.length + 1)} requests in turn` : [],
  ];
  return parts.flat().join(", ");
}

/** The bursts of each arm at a job, ours first. */
function burstsByArm(job: string, { comparisons }: Results): Map<string, BurstResult[]> {
  const byArm = new Map<string, BurstResult[]>();
  const add = (arm: string, bursts: readonly BurstResult[]): void => {
    byArm.set(arm, [...(byArm.get(arm) ?? []), ...bursts]);
  };
  for (const { a, b, rounds } of comparisons.filter((comparison) => comparison.job === job)) {
    for (const round of rounds) {
      add(a, round.a);
      add(b, round.b);
    }
  }
  return byArm;
}

function rateOf(
  where: Pick<RateRow, "job" | "arm" | "generator" | "loadPoint">,
  bursts: readonly BurstResult[],
): RateRow {
  return {
    ...where,
    // A burst with a wrong answer ends the bench.
    isWrong: false,
    perSecond: median(bursts.map(answersPerSecond)),
    perCoreSecond: 1e9 / median(bursts.map(cpuPerAnswer)),
    serverBusy: median(bursts.map(({ serverCpuNs, wallNs }) => serverCpuNs / wallNs)),
    generatorBusy: median(bursts.map(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs)),
  };
}

/** Where ours costs less CPU time and yet answers fewer requests a second. */
export function slowerAtSaturation(results: Results): string[] {
  const held = jobsOf(results).flatMap((job) => heldOf(job, results));
  return held.flatMap(({ comparison, ratio: { job, against, estimate } }) => {
    const rate = rateRatio(comparison);
    if (estimate.high >= 1 || rate.high >= 1) return [];
    return [`\`${job}\` against ${against}: fewer requests a second, ${withInterval(rate)} of it, for less CPU time`];
  });
}

/** A table for each job: what a request costs. */
export function cpuSectionsOf(results: Results): Section[] {
  return jobsOf(results).map((job) => {
    const held = heldOf(job, results);
    const byArm = burstsByArm(job.name, results);
    const cpu = (arm: string): string => microseconds(median((byArm.get(arm) ?? []).map(cpuPerAnswer)));
    const ours: Cell[] = [job.arms[0], "1", "", "", "", cpu(job.arms[0]), "1"];
    const rows = held.map(({ comparison, ratio }) => cpuRow(comparison, ratio, cpu(comparison.b)));
    // What is to be known first comes first: a phone shows four columns.
    const columns = ["arm", ...RATIO_COLUMNS, "CPU us/request", "requests/s, ours/theirs"];
    return {
      title: `${job.name}: ${job.about}`,
      level: 3,
      blocks: [
        table(columns, `-${RATIO_NUMBERS}##`, [...(byArm.has(job.arms[0]) ? [ours] : []), ...rows]),
        ...notesOf(job.name, results),
      ],
    };
  });
}

function cpuRow(comparison: Comparison, ratio: Ratio, cpu: string): Cell[] {
  return ratioRow(comparison.b, ratio, cpu, ratioText(rateRatio(comparison).median));
}

/** What is said below a table: whether the baseline is well written. */
function notesOf(job: string, { comparisons }: Results): Block[] {
  const baseline = comparisons.find(({ job: at, a, b }) => at === job && a === "async-await" && b === "raw");
  if (job !== "echo" || baseline === undefined) return [];
  const cost = cpuRatio(baseline);
  const verdict = cost.median <= BASELINE_RATIO_MAX ? "it counts" : "it is badly written and does NOT count";
  return [
    text(
      `Baseline: its echo costs ${withInterval(cost)} of raw callbacks, at most ${BASELINE_RATIO_MAX} allowed: ${verdict}.`,
    ),
  ];
}

/** The controls, and what they mean. */
export function controlSection(controls: readonly Control[]): Section {
  const meaning = text(
    "A control is an arm against itself, in two processes, measured like any other pair: what the bench says where there is no difference. It counts when " +
      "its 95 % interval holds 1 and stays within 2 % to each side; where it does not, no ratio of its session counts.",
  );
  const title = "The A/A control";
  if (controls.length === 0)
    return { title, level: 2, blocks: [meaning, text("There was NO control: no ratio here counts.")] };
  const rows = controls.map(({ job, arm, estimate }): Cell[] => {
    const verdict = controlHolds(estimate) ? "holds" : "void";
    return [
      job,
      arm,
      ratioText(estimate.median),
      interval(estimate),
      { text: verdict === "holds" ? "counts" : VERDICT_WORDS.void, verdict },
    ];
  });
  const widest = Math.max(...controls.flatMap(({ estimate: { low, high } }) => [1 - low, high - 1]));
  const noise = text(
    `A difference of less than ${(widest * 100).toFixed(1)} % is none: the widest control reaches as far.`,
  );
  return {
    title,
    level: 2,
    blocks: [meaning, table(["job", "arm", "ratio", "95 %", "verdict"], "--##-", rows), noise],
  };
}
