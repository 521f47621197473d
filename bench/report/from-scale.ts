// From the results of `bun run bench:scale`: what grows with the number of connections, tasks and timers, what an idle connection keeps, what a
// start costs. Nothing here has an A/A control: the ratios are of one restart each, and their intervals over restarts say how sure they are.

import type { ScaleResults } from "../scale/results.ts";
import {
  type ConnectionsPoint,
  type ConnectionsRow,
  connectionsRows,
  type CrowdRow,
  crowdRows,
  GROWTH_MAX,
  IDLE_RATIO_MAX,
  idleRows,
  START_MEMORY_RATIO_MAX,
  START_RATIO_MAX,
  startRows,
} from "../scale/rows.ts";
import type { Estimate } from "../measure/statistics.ts";
import { type Block, type Cell, type Ratio, type Section, type Series, table, text } from "./model.ts";
import { RATIO_COLUMNS, RATIO_NUMBERS, ratioRow } from "./ratio-cells.ts";
import { verdictOf } from "./verdict.ts";
import { microseconds, percent, ratio as ratioText, whole, withInterval } from "./words.ts";

const OURS = "generator";
/** What the engine itself gives for the same. */
const TWINS = { tasks: "async functions", timers: "setTimeout" } as const;

/** Judges a ratio, unless it comes from a smoke run. */
function judged(results: ScaleResults, job: string, against: string, estimate: Estimate, atMost: number | null): Ratio {
  const counts = results.options["quick"] !== true;
  return { job, against, estimate, atMost, verdict: verdictOf(estimate, atMost, counts) };
}

/** The growth of our cost of an event, at a fixed rate: that of a closed loop is flattered by larger batches. */
export function growthRatiosOf(results: ScaleResults): Ratio[] {
  const rows = connectionsRows(results.connections).filter(isJudged);
  return rows.map((row) => growthOf(row, results));
}

const isJudged = ({ arm, rate }: ConnectionsRow): boolean => arm === OURS && rate > 0;

function growthOf(row: ConnectionsRow, results: ScaleResults): Ratio {
  return judged(
    results,
    `${row.wire}, growth with connections`,
    "itself",
    row.growth,
    isJudged(row) ? GROWTH_MAX : null,
  );
}

/** Bytes of an idle connection of ours over others'. */
export function idleRatiosOf(results: ScaleResults): Ratio[] {
  return idleRows(results.idle).flatMap(({ wire, arm, ratio }) => {
    const atMost = wire === "http" && arm === "bun-serve" ? IDLE_RATIO_MAX : null;
    return ratio === null ? [] : [judged(results, `${wire}, an idle connection`, arm, ratio, atMost)];
  });
}

/** Time to the first answer, and memory then, over Bun.serve's. */
export function startRatiosOf(results: ScaleResults): Ratio[] {
  return startRows(results.start).flatMap(({ arm, ratios }) => {
    if (ratios === null) return [];
    return [
      judged(results, `${arm}, start to first answer`, "bun-serve", ratios.firstAnswerMs, START_RATIO_MAX),
      judged(results, `${arm}, memory after the start`, "bun-serve", ratios.residentAfterStart, START_MEMORY_RATIO_MAX),
    ];
  });
}

/** The sections of scale: those parts that were measured. */
export function scaleSections(results: ScaleResults): Section[] {
  const { tasks, timers, start } = results;
  const sections: Section[] = [
    ...connectionSections(results),
    ...crowdSections(crowdRows(tasks).concat(crowdRows(timers))),
    ...(start.length === 0 ? [] : [startSection(results)]),
  ];
  return sections.length === 0 ? [] : [{ title: "Scale", level: 2, blocks: [] }, ...sections];
}

function connectionSections(results: ScaleResults): Section[] {
  const rows = connectionsRows(results.connections);
  const groups = Map.groupBy(
    rows,
    ({ wire, rate }) => `${wire}, ${rate === 0 ? "closed loop" : `${whole(rate)} events/s offered`}`,
  );
  return [...groups].map(([name, own]) => {
    const series = own.map(({ arm, points }) => ({
      name: arm,
      points: points.map(({ connections, cpuNs }): [number, number] => [connections, cpuNs / 1000]),
    }));
    return {
      title: `CPU time by connections: ${name}`,
      level: 3,
      blocks: [connectionPlot(name, series), connectionTable(own, results), ...partBlocks(own)],
    };
  });
}

function connectionPlot(name: string, series: readonly Series[]): Block {
  return {
    kind: "lines",
    title: `CPU time of an event by open connections, us: ${name}`,
    x: { name: "connections", scale: "log" },
    y: { name: "us", scale: "linear" },
    series,
  };
}

function connectionTable(rows: readonly ConnectionsRow[], results: ScaleResults): Block {
  const cells = rows.map((row) => {
    const cpu = row.points.map(({ cpuNs }) => microseconds(cpuNs)).join(", ");
    const events = row.points.map(({ eventsPerSecond }) => whole(eventsPerSecond)).join("; ");
    return ratioRow(row.arm, growthOf(row, results), cpu, events);
  });
  const counts = (rows[0]?.points ?? []).map(({ connections }) => whole(connections)).join("; ");
  const [, ...others] = RATIO_COLUMNS;
  return table(
    ["arm", "most/fewest", ...others, `CPU us/event at ${counts}`, "events/s"],
    `-${RATIO_NUMBERS}##`,
    cells,
  );
}

/** Who grows: the kernel's part of the server, what is outside of it, or the generator. */
function partBlocks(rows: readonly ConnectionsRow[]): Block[] {
  const growth = (estimate: Estimate | null): string => (estimate === null ? "" : withInterval(estimate));
  const cells = rows.map((row): Cell[] => {
    const { points } = row;
    const [first, last] = [points[0] as ConnectionsPoint, points.at(-1) as ConnectionsPoint];
    const each = (pick: (point: ConnectionsPoint) => string): string => points.map(pick).join(", ");
    return [
      row.arm,
      growth(row.growthInKernel),
      growth(row.growthOutside),
      ratioText(last.generatorNs / first.generatorNs),
      each(({ kernelNs }) => (kernelNs === null ? "?" : microseconds(kernelNs))),
      each(({ cpuNs, kernelNs }) => (kernelNs === null ? "?" : microseconds(cpuNs - kernelNs))),
      each(({ generatorNs }) => microseconds(generatorNs)),
      each(({ generatorBusy }) => percent(generatorBusy)),
    ];
  });
  const columns = [
    "who grows, most/fewest",
    "in the kernel",
    "outside of it",
    "generator",
    "in the kernel, us/event",
    "outside, us/event",
    "generator, us/event",
    "generator busy",
  ];
  const reading = text(
    "The kernel's part of the server's CPU time is sampled at each tick of its clock, all bursts of a restart together, so its growth is less sure " +
      "than that of the whole. What grows for raw callbacks as well is not the runtime's.",
  );
  return [table(columns, "-#######", cells), reading];
}

function crowdSections(rows: readonly CrowdRow[]): Section[] {
  if (rows.length === 0) return [];
  const series = [...Map.groupBy(rows, ({ crowd }) => crowd)].flatMap(([crowd, own]) => [
    { name: crowd, points: bytesOf(own, "ours") },
    { name: TWINS[crowd], points: bytesOf(own, "twin") },
  ]);
  const cells = rows.flatMap(({ crowd, count, ours, twin }) => [
    crowdCells(crowd, count, ours),
    crowdCells(TWINS[crowd], count, twin),
  ]);
  const plot: Block = {
    kind: "lines",
    title: "Resident bytes of one, by how many there are",
    x: { name: "how many", scale: "log" },
    y: { name: "bytes", scale: "linear" },
    // Too few to be told from noise are no points.
    series: series.filter(({ points }) => points.length > 0),
  };
  const columns = [
    "what",
    "how many",
    "resident bytes each",
    "heap bytes each",
    "begin, ns",
    "switch, ns",
    "arm and cancel one more, ns",
    "end, CPU ns",
  ];
  const blocks = [...(plot.series.length === 0 ? [] : [plot]), table(columns, "-#######", cells)];
  return [{ title: "Tasks and timers", level: 3, blocks }];
}

function crowdCells(name: string, count: number, round: CrowdRow["ours"]): Cell[] {
  const { residentBytes, heapBytes, beginNs, switchNs, armCancelNs, endNs } = round;
  const figures = [residentBytes, heapBytes, beginNs, switchNs, armCancelNs, endNs].map((value) =>
    value === 0 ? "" : whole(value),
  );
  return [name, whole(count), ...figures];
}

function bytesOf(rows: readonly CrowdRow[], side: "ours" | "twin"): [number, number][] {
  return rows.flatMap((row): [number, number][] =>
    row[side].residentBytes === 0 ? [] : [[row.count, row[side].residentBytes]],
  );
}

function startSection(results: ScaleResults): Section {
  const ratios = startRatiosOf(results);
  const rows = startRows(results.start).map(
    ({ arm, firstAnswerMs, cpuMs, residentAfterStart, residentAfterRequests }): Cell[] => [
      arm,
      firstAnswerMs.toFixed(1),
      cpuMs.toFixed(1),
      mebibytes(residentAfterStart),
      mebibytes(residentAfterRequests),
    ],
  );
  const columns = ["program", "first answer, ms", "CPU, ms", "resident then, MiB", "after requests, MiB"];
  const judgedRows = ratios.map((ratio) => ratioRow(ratio.job, ratio));
  const over = ["over Bun.serve", ...RATIO_COLUMNS];
  const blocks = [table(columns, "-####", rows), table(over, `-${RATIO_NUMBERS}`, judgedRows)];
  return { title: "From start to first answer", level: 3, blocks };
}

/** Memory of idle connections; none when it was not measured. */
export function idleSections(results: ScaleResults): Section[] {
  const ratios = idleRatiosOf(results);
  const rows = idleRows(results.idle).map(({ wire, arm, connections, bytes, bytesBusy }): Cell[] => {
    const ratio = ratios.find(({ job, against }) => against === arm && job.startsWith(`${wire},`));
    return ratioRow(`${wire}, ${arm}`, ratio ?? null, whole(bytes), whole(bytesBusy), whole(connections));
  });
  if (rows.length === 0) return [];
  const columns = ["arm", ...RATIO_COLUMNS, "resident bytes each", "with garbage", "connections"];
  const reading = text(
    "Resident bytes of a server with so many connections that have each had one exchange, less those with a few, through their number.",
  );
  return [
    {
      title: "Memory of an idle connection",
      level: 2,
      blocks: [table(columns, `-${RATIO_NUMBERS}###`, rows), reading],
    },
  ];
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
