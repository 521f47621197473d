// From the results of `bun run bench:scale`: what grows with the number of connections, tasks and timers, and what a start costs.

import type { Machine } from "../measure/machine.ts";
import { median } from "../measure/statistics.ts";
import { type Axis, type Block, type Cell, type Section, table } from "./model.ts";
import { microseconds, ratio, whole } from "./words.ts";

/** CPU time of an event with so many connections open. */
export interface ConnectionsRow {
  readonly arm: string;
  readonly connections: number;
  /** Nanoseconds of the server's CPU time an event, of each run. */
  readonly cpuNs: readonly number[];
}

/** Memory of one of so many. */
export interface CountRow {
  readonly what: "tasks" | "timers";
  readonly count: number;
  /** Resident bytes of one, of each run. */
  readonly bytesEach: readonly number[];
}

/** A start. */
export interface StartRow {
  readonly arm: string;
  readonly firstAnswerMs: readonly number[];
  readonly residentBytes: readonly number[];
}

/** Everything that one call of `bun run bench:scale` has measured. */
export interface ScaleResults {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly command?: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly connections: readonly ConnectionsRow[];
  readonly counts: readonly CountRow[];
  readonly starts: readonly StartRow[];
}

const BYTES: Axis = { name: "bytes each", scale: "linear" };

/** The sections of scale: those parts that were measured. */
export function scaleSections({ connections, counts, starts }: ScaleResults): Section[] {
  const sections: Section[] = [];
  if (connections.length > 0)
    sections.push({ title: "CPU time by connections", level: 3, blocks: connectionBlocks(connections) });
  if (counts.length > 0) sections.push({ title: "Memory of tasks and timers", level: 3, blocks: countBlocks(counts) });
  if (starts.length > 0) sections.push({ title: "From start to first answer", level: 3, blocks: [startTable(starts)] });
  return sections.length === 0 ? [] : [{ title: "Scale", level: 2, blocks: [] }, ...sections];
}

function connectionBlocks(rows: readonly ConnectionsRow[]): Block[] {
  const byArm = [...Map.groupBy(rows, ({ arm }) => arm)];
  const series = byArm.map(([name, own]) => ({
    name,
    points: own.map(({ connections, cpuNs }): [number, number] => [connections, median(cpuNs) / 1000]),
  }));
  const cells = byArm.flatMap(([arm, own]) =>
    own.map(({ connections, cpuNs }): Cell[] => {
      const least = median((own[0] as ConnectionsRow).cpuNs);
      return [arm, whole(connections), microseconds(median(cpuNs)), ratio(median(cpuNs) / least)];
    }),
  );
  return [
    {
      kind: "lines",
      title: "CPU time an event, us, by open connections",
      x: { name: "connections", scale: "log" },
      y: { name: "us", scale: "linear" },
      series,
    },
    table(["arm", "connections", "CPU us/event", "over the fewest"], "-###", cells),
  ];
}

function countBlocks(rows: readonly CountRow[]): Block[] {
  const series = [...Map.groupBy(rows, ({ what }) => what)].map(([name, own]) => ({
    name,
    points: own.map(({ count, bytesEach }): [number, number] => [count, median(bytesEach)]),
  }));
  const cells = rows.map(({ what, count, bytesEach }): Cell[] => [what, whole(count), whole(median(bytesEach))]);
  return [
    {
      kind: "lines",
      title: "Resident bytes of one, by how many there are",
      x: { name: "how many", scale: "log" },
      y: BYTES,
      series,
    },
    table(["what", "how many", "resident bytes each"], "-##", cells),
  ];
}

function startTable(rows: readonly StartRow[]): Block {
  const [ours] = rows as [StartRow, ...StartRow[]];
  const cells = rows.map((row): Cell[] => {
    const over = (of: (row: StartRow) => readonly number[]): string => ratio(median(of(ours)) / median(of(row)));
    const [first, resident] = [median(row.firstAnswerMs), median(row.residentBytes)];
    return [
      row.arm,
      whole(first),
      over((r) => r.firstAnswerMs),
      (resident / 2 ** 20).toFixed(1),
      over((r) => r.residentBytes),
    ];
  });
  return table(["arm", "first answer, ms", "ours/theirs", "resident MiB", "ours/theirs"], "-####", cells);
}

/** Where a start of ours takes longer or more memory. */
export function slowerToStart({ starts }: ScaleResults): string[] {
  const [ours, ...others] = starts;
  if (ours === undefined) return [];
  const lines: string[] = [];
  for (const { arm, firstAnswerMs, residentBytes } of others) {
    const time = median(ours.firstAnswerMs) / median(firstAnswerMs);
    const memory = median(ours.residentBytes) / median(residentBytes);
    if (time >= 1) lines.push(`from start to first answer takes ${ratio(time)} of the time of ${arm}`);
    if (memory >= 1) lines.push(`resident memory after the start is ${ratio(memory)} of that of ${arm}`);
  }
  return lines;
}
