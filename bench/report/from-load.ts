// From the results of `bun run bench:load`: rates by the generators that everybody has, and percentiles of the open loop, which counts a latency
// from the time at which its request was due.

import type { OpenLoopResult } from "../load/open-loop.ts";
import { quantileOf } from "../load/shared/histogram.ts";
import { GENERATOR_SHARE_MAX, measuresItself } from "../load/shared/saturation.ts";
import { isRight } from "../load/shared/saturating.ts";
import { type Capacity, LOAD_SHARE, type LoadResults, type OpenComparison, perSecond } from "../measure/load.ts";
import { cleanP99Ratio, P99_AT_MOST, p99ControlHolds, P99_JOB, p99Ratio } from "../measure/p99.ts";
import { median } from "../measure/statistics.ts";
import { type Axis, type Block, type Cell, type LinePlot, type Ratio, type Section, table, text } from "./model.ts";
import { RATIO_COLUMNS, RATIO_NUMBERS, ratioRow } from "./ratio-cells.ts";
import type { RateRow } from "./rates.ts";
import { verdictOf } from "./verdict.ts";
import { latency, percent, whole, withInterval } from "./words.ts";

const PERCENTILES = [
  { at: 0.5, text: "p50", of: ({ p50Us }: OpenLoopResult): number => p50Us },
  { at: 0.9, text: "p90", of: ({ p90Us }: OpenLoopResult): number => p90Us },
  { at: 0.99, text: "p99", of: ({ p99Us }: OpenLoopResult): number => p99Us },
  { at: 0.999, text: "p99.9", of: ({ p999Us }: OpenLoopResult): number => p999Us },
] as const;

/** One in so many is slower: nines at even distances on a logarithmic axis. */
const oneIn = (share: number): number => Math.round(1 / (1 - share));

const AXIS: Axis = {
  name: "percentile",
  scale: "log",
  marks: PERCENTILES.map(({ at, text }) => ({ at: oneIn(at), text })),
};

/** How many requests a second each arm answered, by each generator. */
export function loadRateRowsOf({ saturation }: LoadResults): RateRow[] {
  return saturation.map(({ job, arm, generator, connections, pipelining, runs }) => {
    const of = (pick: (run: (typeof runs)[number]) => number): number => median(runs.map(pick));
    return {
      job,
      arm,
      generator,
      loadPoint: `closed, ${connections} connections${pipelining > 1 ? `, ${pipelining} ahead` : ""}`,
      perSecond: of(({ answers, wallNs }) => answers / (wallNs / 1e9)),
      perCoreSecond: 1e9 / of(({ serverCpuNs, answers }) => serverCpuNs / answers),
      serverBusy: of(({ serverCpuNs, wallNs }) => serverCpuNs / wallNs),
      generatorBusy: of(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs),
      isWrong: !runs.every(isRight),
    };
  });
}

/** The ratios of p99 in the open loop. They count where there is a control, and it holds. */
export function p99RatiosOf({ open }: LoadResults): Ratio[] {
  return open.filter(({ a, b }) => a !== b).map((comparison) => ratioOf(comparison, open));
}

function ratioOf(comparison: OpenComparison, open: readonly OpenComparison[]): Ratio {
  const { job, b } = comparison;
  const estimate = p99Ratio(comparison);
  const controls = open.filter((each) => each.job === job && each.a === each.b).map(p99Ratio);
  const counts = controls.length > 0 && controls.every(p99ControlHolds);
  const atMost = job === P99_JOB ? (P99_AT_MOST[b] ?? null) : null;
  return { job: `${job}, p99`, against: b, estimate, atMost, verdict: verdictOf(estimate, atMost, counts) };
}

/** A section of percentiles; none when the open loop did not run. */
export function percentileSections({ open, capacities }: LoadResults): Section[] {
  if (open.length === 0) return [];
  const reading = text(
    "An open loop sends at an absolute schedule, whatever the answers do, and counts a latency from the time at which its request was due. Percentiles are " +
      "medians over bursts; `of all` is over all requests of all bursts. The generator's lag is its own lateness: a latency near it is the generator's.",
  );
  const jobs = [...Map.groupBy(open, ({ job }) => job)];
  return [
    { title: "Percentiles", level: 2, blocks: [reading] },
    ...jobs.map(([job, comparisons]): Section => {
      const [{ connections, rate }] = comparisons as [OpenComparison];
      const title = `${job}: open loop, ${whole(rate)} requests/s on ${connections} connections`;
      const byArm = burstsByArm(comparisons);
      const offered = capacityNote(capacities.filter((capacity) => capacity.job === job));
      const blocks = [plotOf(job, byArm), percentileTable(byArm), ...offered, ...ratioBlocks(comparisons)];
      return { title, level: 3, blocks };
    }),
  ];
}

/** Where the rate comes from. */
function capacityNote(capacities: readonly Capacity[]): Block[] {
  const said = capacities.map((capacity) => {
    const own = capacity.bursts.filter(({ generatorCpuNs, wallNs }) => measuresItself(generatorCpuNs, wallNs)).length;
    const share = own * 2 > capacity.bursts.length ? `, generator above ${percent(GENERATOR_SHARE_MAX)} busy` : "";
    return `${capacity.arm} ${whole(perSecond(capacity))}${share}`;
  });
  if (said.length === 0) return [];
  const most = `${percent(LOAD_SHARE)} of the least that our closed loop (load/http.ts) got`;
  return [text(`Offered is ${most}, requests/s: ${said.join("; ")}.`)];
}

/** All bursts of each arm, ours first; a control runs it twice. */
function burstsByArm(comparisons: readonly OpenComparison[]): [string, OpenLoopResult[]][] {
  const byArm = new Map<string, OpenLoopResult[]>();
  for (const { a, b, rounds } of comparisons) {
    for (const round of rounds) {
      byArm.set(a, [...(byArm.get(a) ?? []), ...round.a]);
      byArm.set(b, [...(byArm.get(b) ?? []), ...round.b]);
    }
  }
  return [...byArm];
}

function plotOf(job: string, byArm: readonly [string, readonly OpenLoopResult[]][]): LinePlot {
  const series = byArm.map(([name, bursts]) => ({
    name,
    points: PERCENTILES.map(({ at, of }): [number, number] => [oneIn(at), median(bursts.map(of))]),
  }));
  return { kind: "lines", title: `Latency of ${job}, us`, x: AXIS, y: { name: "us", scale: "log" }, series };
}

function percentileTable(byArm: readonly [string, readonly OpenLoopResult[]][]): Block {
  const rows = byArm.map(([arm, bursts]): Cell[] => {
    const of = (pick: (burst: OpenLoopResult) => number): string => latency(median(bursts.map(pick)));
    const all = bursts.map(({ histogram }) => histogram);
    return [
      arm,
      ...PERCENTILES.map(({ of: pick }) => of(pick)),
      latency(quantileOf(all, 0.99)),
      latency(quantileOf(all, 0.999)),
      latency(Math.max(...bursts.map(({ maxUs }) => maxUs))),
      of(({ lagP99Us }) => lagP99Us),
      percent(median(bursts.map(({ busyShare }) => busyShare))),
      `${bursts.filter(({ saturated }) => saturated !== null).length} of ${bursts.length}`,
    ];
  });
  const names = PERCENTILES.map(({ text }) => text);
  const columns = [
    "arm",
    ...names,
    "p99 of all",
    "p99.9 of all",
    "max",
    "generator's lag, p99",
    "generator busy",
    "generator saturated",
  ];
  return table(columns, "-##########", rows);
}

function ratioBlocks(comparisons: readonly OpenComparison[]): Block[] {
  const rows = comparisons
    .filter(({ a, b }) => a !== b)
    .map((comparison) => {
      const clean = cleanP99Ratio(comparison);
      return ratioRow(
        comparison.b,
        ratioOf(comparison, comparisons),
        clean === null ? "none" : `${withInterval(clean)}, ${whole(clean.count)} pairs`,
      );
    });
  const controls = comparisons.filter(({ a, b }) => a === b).map(p99Ratio);
  const said = controls.map((control) => {
    const verdict = p99ControlHolds(control)
      ? "the ratios count"
      : "the ratios do NOT count, for noise or want of pairs";
    return text(`A/A control of p99: ${withInterval(control)}: ${verdict}.`);
  });
  const none = text("There was NO control: no ratio of p99 here counts.");
  const columns = ["p99 against", ...RATIO_COLUMNS, "where the generator was not saturated"];
  const ratios = table(columns, `-${RATIO_NUMBERS}#`, rows);
  return [ratios, ...(said.length === 0 ? [none] : said)];
}
