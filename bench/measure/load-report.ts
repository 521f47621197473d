// The tables of bench:load. Each row names its generator and its load point, because a figure under load says nothing without them. They are
// data first: other reports put them on a page.

import type { OpenLoopResult } from "../load/open-loop.ts";
import { quantileOf } from "../load/shared/histogram.ts";
import { GENERATOR_SHARE_MAX, measuresItself } from "../load/shared/saturation.ts";
import { isRight, type SaturatingResult } from "../load/shared/saturating.ts";
import { ARMS } from "./arms.ts";
import { type Capacity, LOAD_SHARE, type LoadResults, type OpenComparison, perSecond } from "./load.ts";
import { type Estimate, estimate, median, pairRatios } from "./statistics.ts";

/** A table of a report. */
export interface LoadTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Sentences below it. */
  readonly notes: readonly string[];
}

/** Most that our p99 may be of another arm's, at half load of the job `http`. */
export const P99_AT_MOST: Readonly<Record<string, number>> = { raw: 1.1, "bun-serve": 1 };
/** The job that they are laid down for. */
export const P99_JOB = "http";
/** By how much the A/A control's interval may leave 1 for the ratios of p99 to count: by what the limits ask to tell apart. */
const CONTROL_WIDTH_MAX = 0.1;

const SATURATION_HEAD = [
  "arm",
  "generator",
  "load point",
  "requests/s",
  "requests/s a server core",
  "CPU ns/request",
  "server busy",
  "generator busy",
  "wrong",
  "note",
];
const OPEN_HEAD = [
  "arm",
  "generator",
  "load point",
  "p50 µs",
  "p90",
  "p99",
  "p99.9",
  "p99 of all",
  "p99.9 of all",
  "max",
  "generator's lag, p99",
  "server busy",
  "generator busy",
  "saturated bursts",
];
const RATIO_HEAD = [
  "p99, ours/theirs",
  "median of pairs",
  "95 %",
  "at most",
  "",
  "pairs",
  "where the generator was not saturated",
];

/** Ratio of p99, `a` over `b`, pair by pair: below 1 the first one is quicker. `usable` says which pairs count. @throws RangeError without any. */
export function p99Ratio(
  { rounds }: OpenComparison,
  usable: (a: OpenLoopResult, b: OpenLoopResult) => boolean,
): Estimate {
  return estimate(
    rounds.map(({ a, b }) => {
      const ratios = pairRatios(
        a.map(({ p99Us }) => p99Us),
        b.map(({ p99Us }) => p99Us),
      );
      return ratios.filter((_, i) => usable(a[i] as OpenLoopResult, b[i] as OpenLoopResult));
    }),
  );
}

/** Whether every answer at saturation was right; the open loop does not get so far with a wrong one. */
export function isAllRight({ saturation }: LoadResults): boolean {
  return saturation.every(({ runs }) => runs.every(isRight));
}

/** All tables, in the order of the report. */
export function loadTables(results: LoadResults): LoadTable[] {
  const jobs = [...new Set([...results.saturation, ...results.open].map(({ job }) => job))];
  return jobs.flatMap((job) => saturationTables(results, job).concat(openTables(results, job)));
}

/** The whole report, in Markdown. */
export function loadReportOf(results: LoadResults): string {
  const { machine, startedAt, options } = results;
  const names = new Set([...results.saturation.map(({ arm }) => arm), ...results.open.flatMap(({ a, b }) => [a, b])]);
  const legend = ARMS.filter(({ name }) => names.has(name)).map(({ name, about }) => `- ${name}: ${about}`);
  return [
    `${startedAt}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Bun ${machine.bun}, load ${machine.load1}`,
    `Options: ${JSON.stringify(options)}`,
    ...loadTables(results).map(markdownOf),
    legend.join("\n"),
  ].join("\n\n");
}

function markdownOf({ title, head, rows, notes }: LoadTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
  return [`### ${title}`, table, ...notes].join("\n\n");
}

function saturationTables({ saturation }: LoadResults, job: string): LoadTable[] {
  const ofJob = saturation.filter((runs) => runs.job === job);
  if (ofJob.length === 0) return [];
  const rows = ofJob.map(({ arm, generator, connections, pipelining, runs }) => {
    const ahead = pipelining === 1 ? "" : `, ${pipelining} requests ahead`;
    return saturationRow([arm, generator, `closed loop, ${connections} connections${ahead}`], runs);
  });
  return [{ title: `${job}: at saturation`, head: SATURATION_HEAD, rows, notes: [] }];
}

function saturationRow(names: readonly string[], runs: readonly SaturatingResult[]): string[] {
  const of = (pick: (run: SaturatingResult) => number): number => median(runs.map(pick));
  const sum = (pick: (run: SaturatingResult) => number): number => runs.reduce((sum, run) => sum + pick(run), 0);
  const cpuNs = of(({ serverCpuNs, answers }) => serverCpuNs / answers);
  const own = runs.filter(({ generatorCpuNs, wallNs }) => measuresItself(generatorCpuNs, wallNs)).length;
  return [
    ...names,
    whole(of(({ answers, wallNs }) => answers / (wallNs / 1e9))),
    whole(1e9 / cpuNs),
    whole(cpuNs),
    percent(of(({ serverCpuNs, wallNs }) => serverCpuNs / wallNs)),
    percent(of(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs)),
    whole(sum(({ non2xx, mismatches, errors }) => non2xx + mismatches + errors)),
    own * 2 > runs.length ? "the generator was saturated: requests/s are its own" : "",
  ];
}

function openTables(results: LoadResults, job: string): LoadTable[] {
  const open = results.open.filter((comparison) => comparison.job === job);
  const first = open[0];
  if (first === undefined) return [];
  const capacities = results.capacities.filter((capacity) => capacity.job === job);
  const arms = [...new Set(open.flatMap(({ a, b }) => [a, b]))];
  const point = `open loop, ${first.connections} connections, ${whole(first.rate)} requests/s`;
  const rows = arms.map((arm) => openRow([arm, "bench/load/open-loop.ts", point], burstsOf(open, arm)));
  return [
    { title: `${job}: at half load`, head: OPEN_HEAD, rows, notes: [OPEN_NOTE, capacityNote(capacities)] },
    { title: `${job}: p99 at half load`, head: RATIO_HEAD, rows: open.map(ratioRow), notes: open.flatMap(controlNote) },
  ];
}

const OPEN_NOTE =
  "Microseconds from the intended time. Percentiles are medians over bursts; those of all, and the greatest, are over all requests of all bursts.";

/** Whether a control of p99 lets its ratios count. */
export function p99ControlHolds({ low, high }: Estimate): boolean {
  return low <= 1 && high >= 1 && low > 1 - CONTROL_WIDTH_MAX && high < 1 + CONTROL_WIDTH_MAX;
}

function controlNote(comparison: OpenComparison): string[] {
  if (comparison.a !== comparison.b) return [];
  return [
    p99ControlHolds(p99Ratio(comparison, () => true))
      ? "By the A/A control the ratios count."
      : "By the A/A control the ratios do NOT count: too noisy a machine, or too few pairs.",
  ];
}

/** Whether a limit holds, where the interval says so. */
export function verdictOf({ low, high }: Estimate, atMost: number | undefined): string {
  if (atMost === undefined) return "";
  if (high <= atMost) return "holds";
  return low > atMost ? "does NOT hold" : "unsure";
}

/** Where the rate comes from. */
function capacityNote(capacities: readonly Capacity[]): string {
  const said = capacities.map((capacity) => {
    const own = capacity.bursts.filter(({ generatorCpuNs, wallNs }) => measuresItself(generatorCpuNs, wallNs)).length;
    const share = own * 2 > capacity.bursts.length ? `, generator above ${percent(GENERATOR_SHARE_MAX)} busy` : "";
    return `${capacity.arm} ${whole(perSecond(capacity))}${share}`;
  });
  return `Offered is ${percent(LOAD_SHARE)} of the least that our closed loop (bench/load/http.ts) got, requests/s: ${said.join("; ")}.`;
}

/** All bursts of an arm; a control runs it twice. */
function burstsOf(open: readonly OpenComparison[], arm: string): OpenLoopResult[] {
  return open.flatMap(({ a, b, rounds }) =>
    rounds.flatMap((round) => [...(a === arm ? round.a : []), ...(b === arm ? round.b : [])]),
  );
}

function openRow(names: readonly string[], bursts: readonly OpenLoopResult[]): string[] {
  const of = (pick: (burst: OpenLoopResult) => number): number => median(bursts.map(pick));
  const all = bursts.map(({ histogram }) => histogram);
  return [
    ...names,
    whole(of(({ p50Us }) => p50Us)),
    whole(of(({ p90Us }) => p90Us)),
    whole(of(({ p99Us }) => p99Us)),
    whole(of(({ p999Us }) => p999Us)),
    whole(quantileOf(all, 0.99)),
    whole(quantileOf(all, 0.999)),
    whole(Math.max(...bursts.map(({ maxUs }) => maxUs))),
    whole(of(({ lagP99Us }) => lagP99Us)),
    percent(of(({ serverCpuNs, wallNs }) => serverCpuNs / wallNs)),
    percent(of(({ busyShare }) => busyShare)),
    `${bursts.filter(({ saturated }) => saturated !== null).length} of ${bursts.length}`,
  ];
}

function ratioRow(comparison: OpenComparison): string[] {
  const { a, b, job, rounds } = comparison;
  const ratio = p99Ratio(comparison, () => true);
  const clean = (a: OpenLoopResult, b: OpenLoopResult): boolean => a.saturated === null && b.saturated === null;
  const cleanCount = rounds.reduce(
    (sum, round) => sum + round.a.filter((burst, i) => clean(burst, round.b[i] as OpenLoopResult)).length,
    0,
  );
  const atMost = job === P99_JOB && a !== b ? P99_AT_MOST[b] : undefined;
  return [
    a === b ? `${a} / itself (A/A control)` : `${a} / ${b}`,
    ratio.median.toFixed(3),
    interval(ratio),
    atMost?.toFixed(2) ?? "",
    verdictOf(ratio, atMost),
    whole(ratio.count),
    cleanCount === 0 ? "none" : cleanRatio(p99Ratio(comparison, clean)),
  ];
}

const cleanRatio = (ratio: Estimate): string => `${ratio.median.toFixed(3)} (${interval(ratio)}), ${ratio.count} pairs`;
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const percent = (value: number): string => `${Math.round(value * 100)} %`;
const interval = ({ low, high }: Estimate): string => `${low.toFixed(3)}-${high.toFixed(3)}`;
