// `bun run bench:scale [parts]`: what grows with the number of connections, tasks and timers, what an idle connection keeps, and what a start costs.
// Each part is a file of bench/scale; none asserts anything. Prints Markdown; the raw rounds go to bench/results.

import { parseArgs } from "node:util";

import { type Arm, armNamed } from "./measure/arms.ts";
import { commandLine, countOf, listOf, openFilesMax } from "./measure/flags.ts";
import { describeMachine } from "./measure/machine.ts";
import { saveResults } from "./measure/results.ts";
import { type ConnectionsResult, measureConnections, type Wire } from "./scale/connections.ts";
import { measureCrowd } from "./scale/crowd.ts";
import { type IdleResult, measureIdle } from "./scale/idle.ts";
import { scaleReportOf } from "./scale/report.ts";
import { type Part, PARTS, partsNamed, type ScaleResults } from "./scale/results.ts";
import { measureStart } from "./scale/start.ts";

/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 500;

/** The arms of each wire, ours first. */
const WIRES: Readonly<Record<Wire, readonly string[]>> = {
  echo: ["generator", "async-await", "raw"],
  http: ["generator", "async-await", "raw", "bun-serve"],
};

const USAGE = `usage: bun run bench:scale [options] [parts]

  parts             of ${PARTS.join(", ")} (default: all, about a quarter of an hour)
  --quick           a smoke run of under 25 seconds: no figure of it counts
  --wires a,b       of echo, http (default: both)
  --arms a,b        of ${WIRES.http.join(", ")} (default: all)
  --counts a,b      numbers of connections (default 10,100,1000,10000)
  --rate n          events a second offered in the connections part (default 8000; 0: only the closed loop)
  --no-saturated    without the closed loop
  --burst-ms n      ms of a burst at a fixed rate (default 1300: every one of 10,000 connections has its turn)
  --restarts n      fresh processes of each arm (default 3; of the start part 30)
  --pairs n         pairs of processes of tasks and timers (default 3)
  --idle n          idle connections (default 10000)`;

interface Settings {
  readonly parts: readonly Part[];
  readonly quick: boolean;
  readonly wires: readonly Wire[];
  readonly arms: readonly string[];
  readonly counts: readonly number[];
  readonly rates: readonly number[];
  readonly burstMs: number;
  readonly restarts: number;
  readonly starts: number;
  readonly pairs: number;
  readonly idle: number;
}

function settingsOf(args: string[]): Settings | null {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    allowNegative: true,
    options: {
      quick: flag,
      help: flag,
      wires: text,
      arms: text,
      counts: text,
      rate: text,
      saturated: { type: "boolean", default: true },
      "burst-ms": text,
      restarts: text,
      pairs: text,
      idle: text,
    },
  });
  if (values.help) return null;
  const { quick } = values;
  const connectionsMax = openFilesMax() - SPARE_FILES;
  const counts = listOf(values.counts).map((count) => countOf(count, 1, 1, connectionsMax));
  const rate = countOf(values.rate, 8_000, 0, 1_000_000);
  return {
    parts: partsNamed(positionals),
    quick,
    wires: wiresNamed(listOf(values.wires)),
    arms: listOf(values.arms),
    counts: counts.length > 0 ? counts : quick ? [10, 100] : [10, 100, 1_000, 10_000],
    rates: [...(rate === 0 ? [] : [rate]), ...((values.saturated && !quick) || rate === 0 ? [0] : [])],
    burstMs: countOf(values["burst-ms"], quick ? 40 : 1_300, 1, 60_000),
    restarts: countOf(values.restarts, quick ? 1 : 3, 1, 100),
    starts: countOf(values.restarts, quick ? 2 : 30, 1, 1_000),
    pairs: countOf(values.pairs, quick ? 1 : 3, 1, 100),
    idle: Math.min(countOf(values.idle, quick ? 500 : 10_000, 100, 25_000), connectionsMax),
  };
}

function wiresNamed(names: readonly string[]): Wire[] {
  const wires: readonly Wire[] = ["echo", "http"];
  const unknown = names.find((name) => !wires.some((wire) => wire === name));
  if (unknown !== undefined) throw new RangeError(`Cannot use the wire ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? [...wires] : wires.filter((wire) => names.includes(wire));
}

function armsOf(wire: Wire, { arms }: Settings): Arm[] {
  const unknown = arms.find((arm) => !WIRES.http.includes(arm));
  if (unknown !== undefined) throw new RangeError(`Cannot run the arm ${JSON.stringify(unknown)}: it is none of ours`);
  return WIRES[wire].filter((arm) => arms.length === 0 || arms.includes(arm)).map(armNamed);
}

async function connectionsPart(settings: Settings): Promise<ConnectionsResult[]> {
  const { counts, restarts, burstMs, quick, rates, wires } = settings;
  const results: ConnectionsResult[] = [];
  for (const wire of wires) {
    for (const rate of rates) {
      const extent = {
        counts,
        restarts,
        warmMs: quick ? 20 : 1_000,
        burstMs: rate === 0 ? Math.ceil(burstMs / 2) : burstMs,
      };
      for (const arm of armsOf(wire, settings))
        results.push(await measureConnections(wire, arm, rate, extent, progress));
    }
  }
  return results;
}

async function idlePart(settings: Settings): Promise<IdleResult[]> {
  const { idle, restarts, quick, wires } = settings;
  const extent = { connections: idle, restarts, settles: quick ? 1 : 3, restMs: quick ? 0 : 3_000 };
  const results: IdleResult[] = [];
  for (const wire of wires) {
    const arms = armsOf(wire, settings);
    const measured = quick ? arms.filter((_arm, i) => i === 0 || i === arms.length - 1) : arms;
    results.push(...(await measureIdle(wire, measured, extent, progress)));
  }
  return results;
}

async function measure(settings: Settings): Promise<Pick<ScaleResults, Part>> {
  const { parts, quick, pairs, starts } = settings;
  const crowd = { counts: quick ? [1, 1_000, 10_000] : [1, 1_000, 1_000_000], pairs, quick };
  return {
    connections: parts.includes("connections") ? await connectionsPart(settings) : [],
    tasks: parts.includes("tasks") ? await measureCrowd("tasks", crowd, progress) : [],
    timers: parts.includes("timers") ? await measureCrowd("timers", crowd, progress) : [],
    idle: parts.includes("idle") ? await idlePart(settings) : [],
    start: parts.includes("start") ? await measureStart({ restarts: starts, requests: 1_000 }, progress) : [],
  };
}

function progress(text: string): void {
  process.stderr.write(`scale: ${text}\n`);
}

const settings = settingsOf(process.argv.slice(2));
if (settings === null) {
  console.log(USAGE);
  process.exit(0);
}
const machine = describeMachine();
const startedAt = new Date().toISOString();
const command = commandLine("bench:scale");
const results: ScaleResults = { machine, startedAt, command, options: { ...settings }, ...(await measure(settings)) };
await saveResults("scale", startedAt, results);
console.log(scaleReportOf(results));
