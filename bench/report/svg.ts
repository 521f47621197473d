// SVG as text: elements, scales, marks on an axis. Colours are class names, so that one drawing serves the page and a file of its own, in light
// and dark. No script: what a point says in full is its title.

import type { Axis } from "./model.ts";

/** `text` as the content of an element or the value of an attribute. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** An element. Numbers lose what no eye can see; `children` are markup. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly string[]
): string {
  const given = Object.entries(attributes).map(([key, value]) => {
    return ` ${key}="${typeof value === "number" ? Number(value.toFixed(1)) : escapeText(value)}"`;
  });
  return children.length === 0
    ? `<${name}${given.join("")}/>`
    : `<${name}${given.join("")}>${children.join("")}</${name}>`;
}

/** A line of text. */
export function label(
  x: number,
  y: number,
  className: string,
  text: string,
  anchor: "start" | "middle" | "end" = "start",
): string {
  return element("text", { x, y, class: className, "text-anchor": anchor }, escapeText(text));
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, className: string): string {
  return element("line", { x1, y1, x2, y2, class: className });
}

/** A whole drawing, as wide as its place allows. `className` tells the drawings of a page apart. */
export function drawing(
  width: number,
  height: number,
  className: string,
  title: string,
  ...children: readonly string[]
): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${Math.ceil(height)}`,
    class: className,
    role: "img",
  };
  return element("svg", attributes, element("title", {}, escapeText(title)), ...children);
}

/** From values to places: `from` lands on `start`, `to` on `end`. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  place(value: number): number;
}

/** A scale over all `values`. */
export function scaleOf(kind: Axis["scale"], values: readonly number[], start: number, end: number): Scale {
  const straight = kind === "linear";
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const from = straight ? Math.min(0, least) : least;
  const to = greatest > from ? greatest : from + (straight ? 1 : from);
  const turn = straight ? (value: number): number => value : Math.log;
  const step = (end - start) / (turn(to) - turn(from));
  return { from, to, place: (value) => start + (turn(value) - turn(from)) * step };
}

/** Values at which an axis is marked, `gap` apart at least: round ones, and those that come first in `wanted` before others. */
export function marksOf(scale: Scale, wanted: readonly number[], gap: number): number[] {
  const marks: number[] = [];
  for (const value of wanted) {
    if (value < scale.from || value > scale.to) continue;
    if (marks.every((mark) => Math.abs(scale.place(mark) - scale.place(value)) >= gap)) marks.push(value);
  }
  return marks.toSorted((a, b) => a - b);
}

/** Round values from the scale's own range: powers of ten before halves and fifths of them, or even steps from 0. */
export function roundValues(kind: Axis["scale"], { from, to }: Scale): number[] {
  if (kind === "linear") {
    const rough = (to - from) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
    return Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => i * step);
  }
  const exponents = Array.from({ length: 16 }, (_, i) => i - 4);
  return [1, 5, 2].flatMap((factor) => exponents.map((exponent) => factor * 10 ** exponent));
}
