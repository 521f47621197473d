// A report as Markdown. A plot is left to the page: its numbers stand in the tables.

import type { Block, Cell, ReportModel, Section, Table } from "./model.ts";

/** The report as Markdown, without a newline at its end. */
export function markdownOf({ title, lead, sections }: ReportModel): string {
  return [`# ${title}`, ...lead.map(plain), ...sections.flatMap(sectionOf)].join("\n\n");
}

function sectionOf({ title, level, blocks }: Section): string[] {
  return [`${"#".repeat(level)} ${plain(title)}`, ...blocks.flatMap(blockOf)];
}

function blockOf(block: Block): string[] {
  switch (block.kind) {
    case "table":
      return [tableOf(block)];
    case "text":
      return block.lines.map(plain);
    case "list":
      return [block.lines.map((line) => `- ${plain(line)}`).join("\n")];
    case "code":
      return [["```sh", ...block.lines, "```"].join("\n")];
    default:
      return [];
  }
}

function tableOf({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ name }) => name)),
    line(columns.map(({ isNumber }) => (isNumber ? "---:" : "---"))),
    ...rows.map((row) => line(row.map(cellOf))),
  ].join("\n");
}

function cellOf(cell: Cell): string {
  return plain(typeof cell === "string" ? cell : cell.text).replaceAll("|", "\\|");
}

/** Text in which nothing is taken for a tag. */
function plain(text: string): string {
  return text.replaceAll(/<(?=[a-z/!])/gi, "\\<");
}
