// Lines over an axis: what grows with a number, and percentiles. Each line has a mark of its own beside its colour. Drawn for a width.

import type { Axis, LinePlot, Series } from "./model.ts";
import { drawing, element, escapeText, label, line, marksOf, roundValues, type Scale, scaleOf } from "./svg.ts";

const PLOT_HEIGHT = 220;
const LEFT = 52;
const RIGHT = 36;
const KEY_HEIGHT = 20;
/** Lines that differ in colour and mark; a further one begins again. */
const STYLES_MAX = 6;

/** Draws it `width` wide, with `className` on the whole. */
export function drawLines(plot: LinePlot, width: number, className: string): string {
  const keys = keysOf(plot.series, width);
  const top = keys.bottom + 12;
  const bottom = top + PLOT_HEIGHT;
  const points = plot.series.flatMap(({ points }) => points);
  const x = scaleOf(
    plot.x.scale,
    points.map(([x]) => x),
    LEFT,
    width - RIGHT,
  );
  const heights = points.map(([, y]) => y);
  const y = scaleOf(plot.y.scale, heightsOf(plot.y, heights), bottom, top);
  return drawing(
    width,
    bottom + 42,
    className,
    plot.title,
    keys.markup,
    ...acrossOf(plot.y, y, width),
    ...downOf(plot.x, x, bottom),
    ...plot.series.map((series, i) => seriesOf(series, i % STYLES_MAX, x, y, plot)),
  );
}

/** What an axis must hold: its marks, where it has some; else a little more than there is. */
function heightsOf({ marks, scale }: Axis, heights: readonly number[]): readonly number[] {
  if (marks !== undefined) return [...heights, ...marks.map(({ at }) => at)];
  return scale === "log" ? heights.flatMap((y) => [y * 0.8, y * 1.25]) : [...heights, Math.max(...heights) * 1.1];
}

function keysOf(series: readonly Series[], width: number): { markup: string; bottom: number } {
  let [x, y] = [0, 12];
  const drawn = series.map(({ name }, i) => {
    const needed = 34 + name.length * 7.2 + 12;
    if (x > 0 && x + needed > width) [x, y] = [0, y + KEY_HEIGHT];
    const style = i % STYLES_MAX;
    const key =
      line(x, y, x + 22, y, `line s${style}`) + markOf(x + 11, y, style, "key", "") + label(x + 28, y + 4, "", name);
    x += needed;
    return key;
  });
  return { markup: drawn.join(""), bottom: y + 8 };
}

function acrossOf(axis: Axis, scale: Scale, width: number): string[] {
  const marks = axis.marks ?? marksOf(scale, roundValues(axis.scale, scale), 24).map((at) => ({ at, text: short(at) }));
  return marks.flatMap(({ at, text }) => [
    line(LEFT, scale.place(at), width - RIGHT, scale.place(at), at === 0 ? "one" : "grid"),
    label(LEFT - 8, scale.place(at) + 4, "muted", text, "end"),
  ]);
}

function downOf(axis: Axis, scale: Scale, bottom: number): string[] {
  const marks = axis.marks ?? marksOf(scale, roundValues(axis.scale, scale), 40).map((at) => ({ at, text: short(at) }));
  return [
    ...marks.flatMap(({ at, text }) => [
      line(scale.place(at), bottom, scale.place(at), bottom + 5, "grid"),
      label(scale.place(at), bottom + 19, "muted", text, "middle"),
    ]),
    label((scale.place(scale.from) + scale.place(scale.to)) / 2, bottom + 37, "muted", axis.name, "middle"),
  ];
}

function seriesOf(
  { name, points }: Series,
  style: number,
  x: Scale,
  y: Scale,
  { x: xAxis, y: yAxis }: LinePlot,
): string {
  const path = points
    .map(([px, py], i) => `${i === 0 ? "M" : "L"}${x.place(px).toFixed(1)} ${y.place(py).toFixed(1)}`)
    .join("");
  const marks = points.map(([px, py]) => {
    const at = xAxis.marks?.find((mark) => mark.at === px)?.text ?? `${short(px)} ${xAxis.name}`;
    return markOf(
      x.place(px),
      y.place(py),
      style,
      "point",
      `${name}, ${at}: ${Number(py.toPrecision(4)).toLocaleString("en-US")} ${yAxis.name}`,
    );
  });
  return element("path", { class: `line s${style}`, d: path }) + marks.join("");
}

/** A mark of its own for each style: circle, square, diamond, and triangles up, down, and to the side. */
function markOf(x: number, y: number, style: number, kind: string, title: string): string {
  const said = title === "" ? [] : [element("title", {}, escapeText(title))];
  const name = `${kind} mark s${style}`;
  if (style === 0) return element("circle", { class: name, cx: x, cy: y, r: 4.5 }, ...said);
  const corners = MARK_CORNERS[style - 1] as readonly (readonly [number, number])[];
  const at = corners.map(([dx, dy]) => `${(x + dx).toFixed(1)},${(y + dy).toFixed(1)}`).join(" ");
  return element("polygon", { class: name, points: at }, ...said);
}

const MARK_CORNERS = [
  [
    [-4, -4],
    [4, -4],
    [4, 4],
    [-4, 4],
  ],
  [
    [0, -5.5],
    [5.5, 0],
    [0, 5.5],
    [-5.5, 0],
  ],
  [
    [0, -5],
    [5, 4],
    [-5, 4],
  ],
  [
    [0, 5],
    [5, -4],
    [-5, -4],
  ],
  [
    [5, 0],
    [-4, 5],
    [-4, -5],
  ],
] as const;

/** 1,000 as 1k. */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return `${Number(value.toPrecision(3))}`;
}
