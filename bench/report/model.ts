// What a report says, before it is Markdown or a page: sections of tables, plots and lines. Every kind of result is brought into this shape by an
// adapter of its own (from-*.ts), and both outputs read nothing else, so that they cannot say different things.

import type { Estimate } from "../measure/statistics.ts";

/**
 * What is known about a ratio and its bound. `holds`: the whole interval is within it. `fails`: none of it is. `open`: the bound lies within the
 * interval, so it is not shown to hold. `void`: the measurement does not count, for want of a good A/A control. `free`: there is no bound.
 */
export type Verdict = "holds" | "fails" | "open" | "void" | "free";

/** One ratio, ours over theirs. */
export interface Ratio {
  readonly job: string;
  /** Whom ours is held against. */
  readonly against: string;
  readonly estimate: Estimate;
  /** Most that it may be; `null` where nothing is laid down. */
  readonly atMost: number | null;
  readonly verdict: Verdict;
}

/** A cell of a table: plain text, or text with a verdict, or with a bar of a share (0 to 1) of the widest one. */
export type Cell =
  string | { readonly text: string; readonly verdict: Verdict } | { readonly text: string; readonly bar: number };

/** A table. */
export interface Table {
  readonly kind: "table";
  readonly columns: readonly { readonly name: string; readonly isNumber: boolean }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** All ratios of a report, each a dot on its interval. */
export interface RatioPlot {
  readonly kind: "ratios";
  readonly title: string;
  readonly ratios: readonly Ratio[];
}

/** An axis. Marks are made where none are given. */
export interface Axis {
  readonly name: string;
  readonly scale: "linear" | "log";
  readonly marks?: readonly { readonly at: number; readonly text: string }[];
}

/** One line of a plot, with the word for it. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Lines over an axis. */
export interface LinePlot {
  readonly kind: "lines";
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** A paragraph, a list, or lines to be typed. */
export interface Words {
  readonly kind: "text" | "list" | "code";
  readonly lines: readonly string[];
}

/** A part of a section. */
export type Block = Table | RatioPlot | LinePlot | Words;

/** A section, under its title. `level` 3 stands below the last one of level 2. */
export interface Section {
  readonly title: string;
  readonly level: 2 | 3;
  readonly blocks: readonly Block[];
}

/** A whole report. */
export interface ReportModel {
  readonly title: string;
  /** Where and when, and what it comes to, in a few lines. */
  readonly lead: readonly string[];
  /** The one plot that may stand alone; `null` without ratios. */
  readonly plot: RatioPlot | null;
  readonly sections: readonly Section[];
}

/** A table of `columns`, of which those of `numbers` are aligned right. */
export function table(columns: readonly string[], numbers: string, rows: readonly (readonly Cell[])[]): Table {
  return { kind: "table", columns: columns.map((name, i) => ({ name, isNumber: numbers[i] === "#" })), rows };
}

/** Paragraphs. */
export function text(...lines: readonly string[]): Words {
  return { kind: "text", lines };
}
