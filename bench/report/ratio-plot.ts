// The plot of all ratios: one row each, a dot on its 95 % interval over a logarithmic axis, a bracket at the bound. The form of a dot says what its
// colour says, for those who see no colours: full = its bound holds or there is none, hollow = not shown to hold or not counted, square = does
// not hold. Drawn for a width: a narrow one puts the job above its rows.

import type { Ratio, RatioPlot, Verdict } from "./model.ts";
import { drawing, element, escapeText, label, line, marksOf, type Scale, scaleOf } from "./svg.ts";
import { VERDICT_WORDS } from "./verdict.ts";
import { interval } from "./words.ts";

/** Below it a drawing is for a phone. */
const NARROW_MAX = 500;
const ROW_HEIGHT = 21;
const GROUP_GAP = 9;
const HEAD_HEIGHT = 46;
const DOT_RADIUS = 4.5;
/** The first ones are marked before others. */
const MARKS = [1, 0.5, 0.2, 2, 0.1, 5, 0.05, 10, 0.7, 0.3, 1.5, 0.15, 3];
const LEGEND: readonly Verdict[] = ["holds", "open", "fails", "void", "free"];

interface Columns {
  readonly isNarrow: boolean;
  readonly width: number;
  /** Where the names of those begin that ours is held against. */
  readonly against: number;
  readonly scale: Scale;
}

/** Draws it `width` wide, with `className` on the whole. */
export function drawRatios(plot: RatioPlot, width: number, className: string): string {
  const columns = columnsOf(plot, width);
  const groups = [...Map.groupBy(plot.ratios, ({ job }) => job)];
  const drawn: string[] = [];
  let y = HEAD_HEIGHT;
  for (const [job, ratios] of groups) {
    if (columns.isNarrow) y += ROW_HEIGHT;
    drawn.push(label(0, y + (columns.isNarrow ? -6 : 15), "name", job));
    for (const ratio of ratios) {
      drawn.push(rowOf(ratio, columns, y + ROW_HEIGHT / 2));
      y += ROW_HEIGHT;
    }
    y += GROUP_GAP;
  }
  const legend = legendOf(plot, columns, y + 14);
  return drawing(width, legend.bottom, className, plot.title, ...axisOf(columns, y), ...drawn, legend.markup);
}

function columnsOf({ ratios }: RatioPlot, width: number): Columns {
  const isNarrow = width < NARROW_MAX;
  const values = ratios.flatMap(({ estimate: { low, high }, atMost }) => [low, high, atMost ?? 1]);
  const widened = [...values, 1, 1.1].flatMap((value) => [value * 0.93, value * 1.07]);
  const [start, end] = isNarrow ? [118, width - 50] : [290, width - 66];
  return { isNarrow, width, against: isNarrow ? 8 : 140, scale: scaleOf("log", widened, start, end) };
}

function axisOf({ scale, isNarrow }: Columns, bottom: number): string[] {
  const top = HEAD_HEIGHT - 8;
  const marks = marksOf(scale, MARKS, isNarrow ? 26 : 36);
  const one = scale.place(1);
  const left = isNarrow ? "cheaper" : "ours is cheaper";
  const right = isNarrow ? "dearer" : "ours costs more";
  return [
    ...marks.flatMap((mark) => [
      line(scale.place(mark), top, scale.place(mark), bottom, mark === 1 ? "one" : "grid"),
      label(scale.place(mark), top - 5, "muted", `${mark}`, "middle"),
    ]),
    label(one - 8, 12, "muted", `\u2190 ${left}`, "end"),
    // What is dearer is on the right, where there may be little room.
    scale.place(scale.to) - one > right.length * 7 ? label(one + 8, 12, "muted", `${right} \u2192`) : "",
  ];
}

function rowOf(
  { job, against, estimate, atMost, verdict }: Ratio,
  { scale, against: x, width }: Columns,
  y: number,
): string {
  const { median, low, high } = estimate;
  const bound = atMost === null ? "" : `, at most ${atMost.toFixed(2)}: ${VERDICT_WORDS[verdict]}`;
  const full = `${job} against ${against}: ${median.toFixed(3)} (${interval(estimate)})${bound}`;
  return element(
    "g",
    { class: "row" },
    element("title", {}, escapeText(full)),
    label(x, y + 4, "", against),
    atMost === null ? "" : boundOf(scale.place(atMost), y),
    line(scale.place(low), y, scale.place(high), y, `interval ${verdict}`),
    dotOf(scale.place(median), y, verdict, "point"),
    label(width, y + 4, "value", median.toFixed(median < 1 ? 3 : 2), "end"),
  );
}

/** A bracket, open towards what is allowed. */
function boundOf(x: number, y: number): string {
  return element("path", {
    class: "bound",
    d: `M${(x - 4).toFixed(1)} ${y - 8}H${x.toFixed(1)}V${y + 8}H${(x - 4).toFixed(1)}`,
  });
}

function dotOf(x: number, y: number, verdict: Verdict, kind: string): string {
  const name = `${kind} dot ${verdict}`;
  if (verdict !== "fails") return element("circle", { class: name, cx: x, cy: y, r: DOT_RADIUS });
  return element("rect", {
    class: name,
    x: x - DOT_RADIUS,
    y: y - DOT_RADIUS,
    width: 2 * DOT_RADIUS,
    height: 2 * DOT_RADIUS,
  });
}

function legendOf({ ratios }: RatioPlot, { width }: Columns, top: number): { markup: string; bottom: number } {
  const there = LEGEND.filter((verdict) => ratios.some((ratio) => ratio.verdict === verdict));
  let [x, y] = [0, top];
  const drawn: string[] = [];
  const place = (key: (x: number, y: number) => string, words: string): void => {
    const needed = 16 + words.length * 6.8 + 16;
    if (x > 0 && x + needed > width) [x, y] = [0, y + 19];
    drawn.push(key(x + 6, y), label(x + 16, y + 4, "muted", words));
    x += needed;
  };
  for (const verdict of there)
    place((x, y) => dotOf(x, y, verdict, "key"), verdict === "free" ? "no bound laid down" : VERDICT_WORDS[verdict]);
  if (ratios.some(({ atMost }) => atMost !== null)) place((x, y) => boundOf(x + 2, y), "at most");
  place((x, y) => line(x - 6, y, x + 6, y, "interval free"), "95 % interval");
  return { markup: drawn.join(""), bottom: y + 14 };
}
