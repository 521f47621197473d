// A report as one page that asks for nothing: style and drawings are in it, there is no script, and its own policy forbids the browser to fetch
// anything. Each plot is there twice, for a wide and for a narrow window; the style shows one of them.

import { drawLines } from "./line-plot.ts";
import type { Block, Cell, LinePlot, RatioPlot, ReportModel, Section, Table } from "./model.ts";
import { drawRatios } from "./ratio-plot.ts";
import { DRAWING_STYLE, PAGE_STYLE } from "./style.ts";
import { element, escapeText, label } from "./svg.ts";

const WIDE = 860;
const NARROW = 350;
/** Of lines, which need less. */
const WIDE_LINES = 700;
/** Around a drawing that stands alone. */
const MARGIN = 16;
/** Characters from which on a cell may take several lines. */
const LONG_MIN = 48;
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The whole page. */
export function pageOf({ title, lead, sections }: ReportModel): string {
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeText(title)}</title>`,
    `<style>${PAGE_STYLE}</style>`,
    "</head>",
    "<body>",
    `<h1>${inline(title)}</h1>`,
    ...lead.map((line) => `<p class="lead">${inline(line)}</p>`),
    ...sections.map(sectionOf),
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** The plot of all ratios as an SVG file of its own. */
export function ratioFile(plot: RatioPlot): string {
  const inner = drawRatios(plot, WIDE - 2 * MARGIN, "inner");
  const height = Number(/viewBox="0 0 \d+ (\d+)"/.exec(inner)?.[1]);
  const whole = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${WIDE} ${height + 2 * MARGIN}`,
    width: WIDE,
    height: height + 2 * MARGIN,
  };
  const placed = inner.replace(
    "<svg ",
    `<svg x="${MARGIN}" y="${MARGIN}" width="${WIDE - 2 * MARGIN}" height="${height}" `,
  );
  const paper = element("rect", { class: "paper", width: "100%", height: "100%", rx: 8 });
  const heading = label(MARGIN, MARGIN + 12, "name", plot.title);
  return `${element("svg", whole, element("style", {}, DRAWING_STYLE), paper, heading, placed)}\n`;
}

/** Text with what stands between backticks as code. */
function inline(text: string): string {
  return escapeText(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function sectionOf({ title, level, blocks }: Section): string {
  return [`<h${level}>${inline(title)}</h${level}>`, ...blocks.map(blockOf)].join("\n");
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case "table":
      return tableOf(block);
    case "ratios":
    case "lines":
      return figureOf(block);
    case "text":
      return block.lines.map((line) => `<p class="reading">${inline(line)}</p>`).join("\n");
    case "list":
      return `<ul>${block.lines.map((line) => `<li>${inline(line)}</li>`).join("")}</ul>`;
    case "code":
      return `<pre><code>${block.lines.map(escapeText).join("\n")}</code></pre>`;
  }
}

function figureOf(plot: RatioPlot | LinePlot): string {
  const drawings =
    plot.kind === "ratios"
      ? [drawRatios(plot, WIDE, "wide"), drawRatios(plot, NARROW, "narrow")]
      : [drawLines(plot, WIDE_LINES, "wide"), drawLines(plot, NARROW, "narrow")];
  return [
    `<figure class="${plot.kind}">`,
    `<figcaption>${inline(plot.title)}</figcaption>`,
    ...drawings,
    "</figure>",
  ].join("\n");
}

function tableOf({ columns, rows }: Table): string {
  const numbers = columns.map(({ isNumber }) => (isNumber ? "number" : ""));
  const head = columns.map(({ name }, i) => element("th", { class: numbers[i] as string, scope: "col" }, inline(name)));
  const body = rows.map((row, i) => {
    const cells = row.map((cell, column) => cellOf(cell, numbers[column] as string));
    const begins = i > 0 && columns[0]?.name === "job" && rows[i - 1]?.[0] !== row[0];
    return element("tr", begins ? { class: "begins" } : {}, ...cells);
  });
  return `<div class="table" tabindex="0"><table><thead><tr>${head.join("")}</tr></thead>\n<tbody>${body.join("\n")}</tbody></table></div>`;
}

function cellOf(cell: Cell, number: string): string {
  if (typeof cell === "string") return element("td", { class: cell.length > LONG_MIN ? "long" : number }, inline(cell));
  if ("bar" in cell)
    return element("td", { class: `${number} bar`, style: `--share: ${cell.bar.toFixed(3)}` }, inline(cell.text));
  return element("td", { class: `verdict ${cell.verdict}` }, inline(cell.text));
}
