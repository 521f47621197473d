// The scale report in Markdown: the rows of rows.ts as tables, with what they must reach beside them.

import type { Estimate } from "../measure/statistics.ts";
import type { CrowdRound } from "./crowd.ts";
import type { ScaleResults } from "./results.ts";
import {
  type ConnectionsRow,
  connectionsRows,
  type CrowdRow,
  crowdRows,
  GROWTH_MAX,
  IDLE_RATIO_MAX,
  type IdleRow,
  idleRows,
  START_MEMORY_RATIO_MAX,
  START_RATIO_MAX,
  type StartRow,
  startRows,
} from "./rows.ts";

/** The whole report. */
export function scaleReportOf(results: ScaleResults): string {
  const { machine, startedAt, options } = results;
  const head = [
    `${startedAt}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Bun ${machine.bun}, load ${machine.load1}`,
    `Options: ${JSON.stringify(options)}`,
  ].join("\n");
  const sections = [
    connectionsTable(connectionsRows(results.connections)),
    crowdTable("tasks", "parked tasks, and async functions that await a promise", crowdRows(results.tasks)),
    crowdTable("timers", "armed timers, and setTimeout", crowdRows(results.timers)),
    idleTable(idleRows(results.idle)),
    startTable(startRows(results.start)),
  ];
  return [head, ...sections.filter((text) => text !== "")].join("\n\n");
}

function connectionsTable(rows: readonly ConnectionsRow[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const counts = first.points.map(({ connections }) => connections);
  const title = `### connections: CPU ns an event, among ${counts.map(whole).join(", ")} connections`;
  const lines = rows.map((row) => [
    row.wire,
    row.arm,
    row.rate === 0 ? "saturated" : `${whole(row.rate)}/s`,
    ...row.points.map(({ cpuNs }) => whole(cpuNs)),
    `${row.growth.median.toFixed(2)} (${interval(row.growth)})`,
    row.points.map(({ eventsPerSecond }) => whole(eventsPerSecond)).join(", "),
    row.points.map(({ generatorBusy }) => percent(generatorBusy)).join(", "),
  ]);
  const growth = `${whole(counts.at(-1) ?? 0)}/${whole(counts[0] ?? 0)}, at most ${GROWTH_MAX}`;
  return table(title, ["wire", "arm", "offered", ...counts.map(whole), growth, "events/s", "generator busy"], lines);
}

function crowdTable(name: string, about: string, rows: readonly CrowdRow[]): string {
  if (rows.length === 0) return "";
  const ofTasks = name === "tasks";
  const line = (count: number, side: string, round: CrowdRound): string[] => {
    const third = ofTasks ? round.switchNs : round.armCancelNs;
    const cells = [round.residentBytes, round.heapBytes, round.beginNs, third, round.endNs].map(orNone);
    return [whole(count), side].concat(cells);
  };
  const lines = rows.flatMap(({ count, ours, twin }) => [line(count, "ours", ours), line(count, "twin", twin)]);
  const measures = ofTasks
    ? ["begin, ns", "switch, ns", "wake and end, CPU ns"]
    : ["arm, ns", "arm and cancel one more, ns", "expire, CPU ns"];
  return table(
    `### ${name}: ${about}`,
    ["number", "side", "resident bytes each", "heap bytes each", ...measures],
    lines,
  );
}

function idleTable(rows: readonly IdleRow[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map((row) => [
    row.wire,
    row.arm,
    whole(row.connections),
    whole(row.bytes),
    row.ratio === null ? "" : `${row.ratio.median.toFixed(2)} (${interval(row.ratio)})`,
    row.wire === "http" && row.arm === "bun-serve" ? String(IDLE_RATIO_MAX) : "",
    whole(row.bytesBusy),
  ]);
  const head = ["wire", "arm", "connections", "resident bytes each", "ours/theirs", "at most", "with garbage"];
  return table("### idle: memory of connections that have had one exchange", head, lines);
}

function startTable(rows: readonly StartRow[]): string {
  if (rows.length === 0) return "";
  const ratio = (estimated: Estimate | undefined): string =>
    estimated === undefined ? "" : `${estimated.median.toFixed(2)} (${interval(estimated)})`;
  const lines = rows.map((row) => [
    row.arm,
    row.firstAnswerMs.toFixed(1),
    ratio(row.ratios?.firstAnswerMs),
    row.cpuMs.toFixed(1),
    mebibytes(row.residentAfterStart),
    ratio(row.ratios?.residentAfterStart),
    mebibytes(row.residentAfterRequests),
    ratio(row.ratios?.residentAfterRequests),
  ]);
  const head = [
    "arm",
    "start to first answer, ms",
    `over Bun.serve, at most ${START_RATIO_MAX}`,
    "CPU, ms",
    "resident then, MiB",
    `over Bun.serve, at most ${START_MEMORY_RATIO_MAX}`,
    "after requests, MiB",
    "over Bun.serve",
  ];
  return table("### start: from spawn to the first answer", head, lines);
}

function table(title: string, head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map(() => "---");
  return [title, "", ...[head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const orNone = (value: number): string => (value === 0 ? "" : whole(value));
const percent = (value: number): string => `${Math.round(value * 100)} %`;
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const interval = ({ low, high }: Estimate): string => `${low.toFixed(2)}-${high.toFixed(2)}`;
