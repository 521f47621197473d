// The whole report from all results there are: what was measured, in the order in which it should be read, and what is not faster.

import { ARMS } from "../measure/arms.ts";
import type { LoadResults } from "../measure/load.ts";
import type { Machine } from "../measure/machine.ts";
import type { Results } from "../measure/results.ts";
import type { Session } from "../measure/session.ts";
import type { ScaleResults } from "../scale/results.ts";
import { controlSection, controlsOf, cpuRatiosOf, cpuSectionsOf, rateRowsOf, slowerAtSaturation } from "./from-arms.ts";
import { historySections } from "./from-history.ts";
import { loadRateRowsOf, p99RatiosOf, percentileSections } from "./from-load.ts";
import { growthRatiosOf, idleRatiosOf, idleSections, scaleSections, startRatiosOf } from "./from-scale.ts";
import type { HistoryEntry } from "./history.ts";
import { type Block, type Ratio, type RatioPlot, type ReportModel, type Section, table, text } from "./model.ts";
import { notShownBetter } from "./ratio-cells.ts";
import { rateSection } from "./rates.ts";
import { countVerdicts } from "./verdict.ts";

/** Results of each kind; of one kind there may be several, each a session of its own. */
export interface Saved {
  readonly arms: readonly Results[];
  readonly load: readonly LoadResults[];
  readonly scale: readonly ScaleResults[];
  /** Earlier runs, and the fingerprint of the raw callbacks of now. */
  readonly history: { readonly entries: readonly HistoryEntry[]; readonly frozen: string };
}

const NOTHING: Saved = { arms: [], load: [], scale: [], history: { entries: [], frozen: "" } };

/** Brings all results into one report. @throws Error without any results. */
export function buildReport(given: Partial<Saved>): ReportModel {
  const saved: Saved = { ...NOTHING, ...given };
  const { arms, load, scale, history } = saved;
  const sessions: Session[] = [...arms, ...load, ...scale];
  if (sessions.length === 0 && history.entries.length === 0)
    throw new Error("Cannot make a report: there are no results");
  const ratios = arms.flatMap(cpuRatiosOf);
  const rates = [...load.flatMap(loadRateRowsOf), ...arms.flatMap(rateRowsOf)];
  const title = "CPU time of a request, millrace over others";
  const plot: RatioPlot | null = ratios.length === 0 ? null : { kind: "ratios", title, ratios };
  return {
    title: "millrace: what was measured",
    lead: leadOf(sessions, boundsOf(saved, ratios)),
    plot,
    sections: [
      ...(rates.length === 0 ? [] : [rateSection(rates)]),
      ...(plot === null ? [] : [cpuSection(plot), ...arms.flatMap(cpuSectionsOf)]),
      ...load.flatMap(percentileSections),
      ...scale.flatMap(scaleSections),
      ...scale.flatMap(idleSections),
      ...(plot === null ? [] : [controlSection(arms.flatMap(controlsOf))]),
      ...historySections(history.entries, history.frozen),
      ...(sessions.length === 0 ? [] : [notFasterSection(saved, ratios), sessionSection(sessions)]),
      ...legendSections(saved),
    ],
  };
}

/** Everything for which a bound is laid down. */
function boundsOf({ load, scale }: Saved, cpu: readonly Ratio[]): Ratio[] {
  const all = [
    ...cpu,
    ...load.flatMap(p99RatiosOf),
    ...[growthRatiosOf, idleRatiosOf, startRatiosOf].flatMap((ratiosOf) => scale.flatMap(ratiosOf)),
  ];
  return all.filter(({ atMost }) => atMost !== null);
}

function leadOf(sessions: readonly Session[], bounds: readonly Ratio[]): string[] {
  const machines = [...new Set(sessions.map(({ machine }) => describe(machine)))];
  const count =
    bounds.length === 0 ? [] : [`Bounds: ${countVerdicts(bounds.map(({ verdict }) => verdict))}, of ${bounds.length}.`];
  const isSmoke = sessions.some(({ command }) => command?.includes("--quick") === true);
  return [...machines, ...count, ...(isSmoke ? ["A smoke run is among these results: NO figure of it counts."] : [])];
}

function describe({ cpu, cores, memoryGiB, kernel, bun }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Bun ${bun}.`;
}

function cpuSection(plot: RatioPlot): Section {
  const reading = text(
    "Nanoseconds of the server's CPU time through requests, ours over theirs, of bursts side by side: below 1 ours is cheaper. The value is the " +
      "median of all pairs, with its 95 % interval. A bound holds when the whole interval is within it; where the interval crosses the bound, it " +
      "is not shown to hold.",
  );
  return { title: "CPU time of a request", level: 2, blocks: [plot, reading] };
}

/** All where ours is not shown to be the better. */
function notFasterSection({ arms, load, scale }: Saved, ratios: readonly Ratio[]): Section {
  const lines = [
    ...notShownBetter(ratios, "costs more"),
    ...arms.flatMap(slowerAtSaturation),
    ...notShownBetter(load.flatMap(p99RatiosOf), "later"),
    ...notShownBetter(scale.flatMap(startRatiosOf), "more"),
    ...notShownBetter(scale.flatMap(idleRatiosOf), "more"),
  ];
  const said: Block = lines.length === 0 ? text("Of what was measured here, nothing.") : { kind: "list", lines };
  return { title: "What is not faster", level: 2, blocks: [said] };
}

function sessionSection(sessions: readonly Session[]): Section {
  const rows = sessions.map(({ machine, startedAt, revision, options }) => [
    startedAt,
    revision ?? "",
    describe(machine),
    versionsOf(machine),
    machine.load1.toFixed(2),
    `\`${JSON.stringify(options)}\``,
  ]);
  const commands = [...new Set(sessions.flatMap(({ command }) => command ?? []))];
  const again: Block[] = commands.length === 0 ? [] : [text("To measure it again:"), { kind: "code", lines: commands }];
  const columns = ["when", "commit", "machine", "versions", "load before", "options"];
  const blocks = [
    table(columns, "----#-", rows),
    ...again,
    text("The raw rounds are in the JSON files of these results."),
  ];
  return { title: "Where it was measured", level: 2, blocks };
}

function versionsOf({ packages }: Machine): string {
  return Object.entries(packages ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
}

function legendSections({ arms, load, scale }: Saved): Section[] {
  const names = new Set([
    ...arms.flatMap(({ comparisons }) => comparisons.flatMap(({ a, b }) => [a, b])),
    ...load.flatMap(({ saturation, open }) => [
      ...saturation.map(({ arm }) => arm),
      ...open.flatMap(({ a, b }) => [a, b]),
    ]),
    ...scale.flatMap(({ connections, idle }) => [...connections, ...idle].map(({ arm }) => arm)),
  ]);
  const lines = ARMS.filter(({ name }) => names.has(name)).map(({ name, about }) => `${name}: ${about}`);
  return lines.length === 0 ? [] : [{ title: "The arms", level: 2, blocks: [{ kind: "list", lines }] }];
}
