// From the results of `bun run bench:load`: rates by the generators that everybody has, and percentiles of the open loop, which counts a latency
// from the time at which its request was due.

import type { Machine } from "../measure/machine.ts";
import { type Estimate, estimate, median, pairRatios } from "../measure/statistics.ts";
import { type Axis, type Cell, type LinePlot, type Section, table, text } from "./model.ts";
import type { RateRow } from "./rates.ts";
import { latency, percent, ratio, whole } from "./words.ts";

/** One run of an arm under an open loop. */
export interface OpenLoopRow {
  readonly job: string;
  readonly arm: string;
  /** Requests a second offered. */
  readonly rate: number;
  readonly connections: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** The generator's own lateness. */
  readonly lagP99Us: number;
  /** Share of its time that it had something to do. */
  readonly busyShare: number;
}

/** Everything that one call of `bun run bench:load` has measured. */
export interface LoadResults {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly command?: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly saturated: readonly RateRow[];
  readonly openLoop: readonly OpenLoopRow[];
}

const PERCENTILES = [
  { at: 0.5, text: "p50", of: ({ p50Us }: OpenLoopRow): number => p50Us },
  { at: 0.9, text: "p90", of: ({ p90Us }: OpenLoopRow): number => p90Us },
  { at: 0.99, text: "p99", of: ({ p99Us }: OpenLoopRow): number => p99Us },
  { at: 0.999, text: "p99.9", of: ({ p999Us }: OpenLoopRow): number => p999Us },
] as const;

/** One in so many is slower: nines at even distances on a logarithmic axis. */
const oneIn = (share: number): number => Math.round(1 / (1 - share));

const AXIS: Axis = {
  name: "percentile",
  scale: "log",
  marks: PERCENTILES.map(({ at, text }) => ({ at: oneIn(at), text })),
};

/** A section of percentiles; none when the open loop did not run. */
export function percentileSections({ openLoop }: LoadResults): Section[] {
  if (openLoop.length === 0) return [];
  const reading = text(
    "An open loop sends at an absolute schedule, whatever the answers do, and counts a latency from the time at which its request was due. " +
      "The generator's lag is its own lateness: a latency near it is the generator's. Medians of all runs.",
  );
  const jobs = [...new Set(openLoop.map(({ job }) => job))];
  return [
    { title: "Percentiles", level: 2, blocks: [reading] },
    ...jobs.map((job): Section => {
      const byArm = armsOf(openLoop.filter((row) => row.job === job));
      return { title: `${job}, open loop`, level: 3, blocks: [percentilePlot(job, byArm), percentileTable(byArm)] };
    }),
  ];
}

/** The runs of each arm, ours first, as they were measured. */
function armsOf(rows: readonly OpenLoopRow[]): [string, OpenLoopRow[]][] {
  return [...Map.groupBy(rows, ({ arm }) => arm)];
}

function percentilePlot(job: string, byArm: readonly [string, readonly OpenLoopRow[]][]): LinePlot {
  const series = byArm.map(([name, rows]) => ({
    name,
    points: PERCENTILES.map(({ at, of }): [number, number] => [oneIn(at), median(rows.map(of))]),
  }));
  return { kind: "lines", title: `${job}: latency, us`, x: AXIS, y: { name: "us", scale: "log" }, series };
}

function percentileTable(byArm: readonly [string, readonly OpenLoopRow[]][]): Section["blocks"][number] {
  const [, ours] = byArm[0] as [string, readonly OpenLoopRow[]];
  const rows = byArm.map(([arm, theirs], i): Cell[] => {
    const of = (pick: (row: OpenLoopRow) => number): string => latency(median(theirs.map(pick)));
    const held = i === 0 ? null : p99Ratio(ours, theirs);
    return [
      arm,
      whole(median(theirs.map(({ rate }) => rate))),
      ...PERCENTILES.map(({ of: pick }) => of(pick)),
      of(({ maxUs }) => maxUs),
      held === null ? "" : ratio(held.median),
      of(({ lagP99Us }) => lagP99Us),
      percent(median(theirs.map(({ busyShare }) => busyShare))),
    ];
  });
  const names = PERCENTILES.map(({ text }) => text);
  const columns = ["arm", "offered/s", ...names, "max", "p99, ours/theirs", "generator's lag, p99", "generator busy"];
  return table(columns, "-#########", rows);
}

/** Of runs that pair up; of the medians where they do not. */
function p99Ratio(ours: readonly OpenLoopRow[], theirs: readonly OpenLoopRow[]): Estimate {
  const of = (rows: readonly OpenLoopRow[]): number[] => rows.map(({ p99Us }) => p99Us);
  if (ours.length === theirs.length) return estimate(pairRatios(of(ours), of(theirs)).map((each) => [each]));
  return estimate([[median(of(ours)) / median(of(theirs))]]);
}

/** Where our p99 is not shown to be the lower. */
export function laterThanOthers({ openLoop }: LoadResults): string[] {
  const jobs = [...Map.groupBy(openLoop, ({ job }) => job)];
  return jobs.flatMap(([job, rows]) => {
    const [[, ours], ...others] = armsOf(rows) as [[string, OpenLoopRow[]], ...[string, OpenLoopRow[]][]];
    return others.flatMap(([arm, theirs]) => {
      const held = p99Ratio(ours, theirs);
      if (held.high < 1) return [];
      return [
        `\`${job}\`, open loop: our p99 is ${ratio(held.median)} of that of ${arm}${held.low > 1 ? "" : ", which may be chance"}`,
      ];
    });
  });
}
