// The tables of a result, in Markdown. The figure is CPU time of the server a request, as a ratio of two arms measured side by side; what else
// is shown helps to judge it: a generator that is as busy as it can be measures itself.

import type { BurstResult } from "../load/shared/burst.ts";
import { ARMS } from "./arms.ts";
import type { IdleResult } from "./idle.ts";
import { type Job, JOBS } from "./jobs.ts";
import type { Machine } from "./machine.ts";
import type { Comparison } from "./rounds.ts";
import { controlHolds, type Estimate, estimate, median, pairRatios } from "./statistics.ts";

/** Everything that one call of the bench has measured. */
export interface Results {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly comparisons: readonly Comparison[];
  readonly idle: readonly IdleResult[];
}

/** Most that the baseline's echo may cost of the raw one's to count as well written. */
export const BASELINE_RATIO_MAX = 1.2;

/** Ratio of CPU time a request, `a` over `b`: below 1 the first one is cheaper. */
export function cpuRatio(comparison: Comparison): Estimate {
  return estimate(comparison.rounds.map(({ a, b }) => pairRatios(a.map(cpuPerAnswer), b.map(cpuPerAnswer))));
}

/** Ratio of requests a second, `a` over `b`: above 1 the first one is faster. */
export function rateRatio(comparison: Comparison): Estimate {
  return estimate(comparison.rounds.map(({ a, b }) => pairRatios(a.map(answersPerSecond), b.map(answersPerSecond))));
}

/** The whole report. */
export function reportOf(results: Results): string {
  const done = new Set(results.comparisons.map(({ job }) => job));
  const jobs = JOBS.filter(({ name }) => done.has(name));
  return [
    headOf(results),
    ...jobs.map((job) =>
      jobTable(
        job,
        results.comparisons.filter((comparison) => comparison.job === job.name),
      ),
    ),
    ...(results.idle.length === 0 ? [] : [idleTable(results.idle)]),
    legendOf(results),
  ].join("\n\n");
}

function headOf({ machine, startedAt, options }: Results): string {
  return [
    `${startedAt}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Bun ${machine.bun}, load ${machine.load1}`,
    `Options: ${JSON.stringify(options)}`,
  ].join("\n");
}

function jobTable(job: Job, comparisons: readonly Comparison[]): string {
  const head = [
    `### ${job.name}: ${job.about}`,
    "",
    "| arm | requests/s | requests/CPU-s | CPU ns/request | ours/theirs, CPU | 95 % | at most | ours/theirs, requests/s | server busy | generator busy |",
    "| --- | ---: | ---: | ---: | ---: | :---: | ---: | ---: | ---: | ---: |",
  ];
  const [ours] = job.arms;
  const bursts = comparisons.flatMap(({ a, rounds }) => (a === ours ? rounds.flatMap(({ a }) => a) : []));
  const rows = comparisons.filter(({ a, b }) => a === ours && b !== ours);
  return [
    ...head,
    ...(bursts.length === 0 ? [] : [row(ours, bursts, ["1", "", ""], "1")]),
    ...rows.map((comparison) => comparisonRow(job, comparison)),
    "",
    ...comparisons.flatMap(notesOf),
  ].join("\n");
}

function comparisonRow(job: Job, comparison: Comparison): string {
  const cpu = cpuRatio(comparison);
  const theirs = comparison.rounds.flatMap(({ b }) => b);
  const atMost = job.atMost[comparison.b]?.toFixed(2) ?? "";
  const ratio = [cpu.median.toFixed(3), interval(cpu), atMost];
  return row(comparison.b, theirs, ratio, rateRatio(comparison).median.toFixed(3));
}

function row(name: string, bursts: readonly BurstResult[], cpuRatio: readonly string[], rate: string): string {
  const ns = median(bursts.map(cpuPerAnswer));
  const cells = [
    name,
    whole(median(bursts.map(answersPerSecond))),
    whole(1e9 / ns),
    whole(ns),
    ...cpuRatio,
    rate,
    percent(median(bursts.map(({ serverCpuNs, wallNs }) => serverCpuNs / wallNs))),
    percent(median(bursts.map(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs))),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** What is said below a table: the control, and whether the baseline is well written. */
function notesOf(comparison: Comparison): string[] {
  const { a, b, job } = comparison;
  const ratio = cpuRatio(comparison);
  const said = `${ratio.median.toFixed(3)} (${interval(ratio)})`;
  if (a === b) {
    const verdict = controlHolds(ratio)
      ? "the measurement counts"
      : "the measurement does NOT count: too noisy, or too few rounds";
    return [`A/A control (${a} against itself): ${said}: ${verdict}.`];
  }
  if (a !== "async-await" || b !== "raw" || job !== "echo") return [];
  const verdict = ratio.median <= BASELINE_RATIO_MAX ? "it counts" : "it is badly written and does NOT count";
  return [`Baseline: its echo costs ${said} of raw callbacks, at most ${BASELINE_RATIO_MAX} allowed: ${verdict}.`];
}

function idleTable(idle: readonly IdleResult[]): string {
  const rows = idle.map(
    ({ arm, connections, bytesEach, ratio }) =>
      `| ${arm} | ${connections} | ${whole(bytesEach)} | ${ratio === 0 ? "1" : ratio.toFixed(2)} |`,
  );
  return [
    "### idle",
    "",
    "| arm | connections | resident bytes each | ours/theirs |",
    "| --- | ---: | ---: | ---: |",
    ...rows,
  ].join("\n");
}

/** What the arms are that were measured. */
function legendOf({ comparisons, idle }: Results): string {
  const names = new Set([...comparisons.flatMap(({ a, b }) => [a, b]), ...idle.map(({ arm }) => arm)]);
  return ARMS.filter(({ name }) => names.has(name))
    .map(({ name, about }) => `- ${name}: ${about}`)
    .join("\n");
}

function cpuPerAnswer({ serverCpuNs, answers }: BurstResult): number {
  return serverCpuNs / answers;
}

function answersPerSecond({ answers, wallNs }: BurstResult): number {
  return answers / (wallNs / 1e9);
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const percent = (value: number): string => `${Math.round(value * 100)} %`;
const interval = ({ low, high }: Estimate): string => `${low.toFixed(3)}-${high.toFixed(3)}`;
