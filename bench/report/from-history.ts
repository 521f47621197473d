// From bench/results/history.jsonl: how far our CPU time is above that of raw callbacks, run after run. Only runs against the raw callbacks of today
// are drawn; what was held against others stands in the table and is said to.

import { JOBS } from "../measure/jobs.ts";
import type { HistoryEntry } from "./history.ts";
import { type Axis, type Block, type Cell, type LinePlot, type Section, table, text } from "./model.ts";
import { withInterval } from "./words.ts";

/** Jobs that are drawn: one for each path through the runtime that a server has, no more than a plot can tell apart. */
const DRAWN = ["echo", "line16", "http", "http16", "json", "post1k"];
/** Dates that stand below a plot. */
const DATES_MAX = 4;

type Marks = NonNullable<Axis["marks"]>;

/** The section; none without any run. `frozen`: the fingerprint of the raw callbacks as they are now. */
export function historySections(history: readonly HistoryEntry[], frozen: string): Section[] {
  if (history.length === 0) return [];
  const comparable = history.filter((entry) => entry.frozen === frozen);
  const reading = text(
    "CPU time of a request, ours over raw callbacks', of earlier runs: each was taken side by side in one run, so that machines and hours can be held " +
      "against each other. Raw callbacks are not worked on; what they share with ours, the parser and the encoder, does not show here. Only jobs " +
      "whose A/A control held are kept.",
  );
  const others = history.length - comparable.length;
  const notes =
    others === 0 ? [] : [text(`${others} of these runs were held against other raw callbacks than those of now.`)];
  const blocks = [...plotsOf(comparable), tableOf(history, frozen), reading, ...notes];
  return [{ title: "History", level: 2, blocks }];
}

function plotsOf(history: readonly HistoryEntry[]): LinePlot[] {
  const series = DRAWN.map((name) => ({ name, points: pointsOf(history, name) })).filter(
    ({ points }) => points.length > 0,
  );
  if (series.length === 0) return [];
  const heights = series.flatMap(({ points }) => points.map(([, height]) => height));
  const y: Axis = {
    name: "of raw callbacks",
    scale: "log",
    marks: tenthsOf(Math.min(...heights), Math.max(...heights)),
  };
  const title = "CPU time of a request, ours over raw callbacks', run after run";
  return [{ kind: "lines", title, x: { name: "run", scale: "linear", marks: datesOf(history) }, y, series }];
}

function pointsOf(history: readonly HistoryEntry[], job: string): [number, number][] {
  return history.flatMap(({ ratios }, i): [number, number][] => {
    const ratio = ratios[job];
    return ratio === undefined ? [] : [[i + 1, ratio.median]];
  });
}

/** Marks at each tenth from the least to the greatest. */
function tenthsOf(least: number, greatest: number): Marks {
  const [from, to] = [Math.floor(least * 10), Math.ceil(greatest * 10)];
  return Array.from({ length: to - from + 1 }, (_, i) => ({ at: (from + i) / 10, text: ((from + i) / 10).toFixed(1) }));
}

/** The dates of some runs, evenly spread, the last one always. */
function datesOf(history: readonly HistoryEntry[]): Marks {
  const step = Math.ceil(history.length / DATES_MAX);
  return history.flatMap(({ startedAt }, i) =>
    (history.length - 1 - i) % step === 0 ? [{ at: i + 1, text: startedAt.slice(0, 10) }] : [],
  );
}

function tableOf(history: readonly HistoryEntry[], frozen: string): Block {
  const measured = new Set(history.flatMap(({ ratios }) => Object.keys(ratios)));
  const known = JOBS.map(({ name }) => name).filter((name) => measured.delete(name));
  const jobs = [...known, ...measured];
  const ratioIn = ({ ratios }: HistoryEntry, job: string): string => {
    const ratio = ratios[job];
    return ratio === undefined ? "" : withInterval(ratio);
  };
  const rows = history.toReversed().map((entry): Cell[] => {
    const { startedAt, revision, bun, cpu } = entry;
    const against = entry.frozen === frozen ? frozen : `${entry.frozen}, not those of now`;
    const ratios = jobs.map((job) => ratioIn(entry, job));
    return [startedAt.slice(0, 16).replace("T", " "), revision].concat(ratios, [bun, cpu, against]);
  });
  const columns = ["when", "commit", ...jobs, "Bun", "CPU", "raw callbacks"];
  return table(columns, `--${"#".repeat(jobs.length)}---`, rows);
}
