// `bun run bench:scale [parts]`: what grows with the number of connections, tasks and timers, what an idle connection keeps, and what a start costs.
// Each part is a file of bench/scale; none asserts anything. Prints Markdown; the raw rounds go to bench/results.

import { type Arm, armNamed } from "./measure/arms.ts";
import { type Progress, runBench } from "./measure/command.ts";
import { connectionsMax, countOf, listOf } from "./measure/flags.ts";
import { type Job, jobsNamed } from "./measure/jobs.ts";
import { buildReport } from "./report/build.ts";
import { markdownOf } from "./report/markdown.ts";
import { type ConnectionsResult, measureConnections, type Wire, WIRES } from "./scale/connections.ts";
import { measureCrowd } from "./scale/crowd.ts";
import { type IdleResult, measureIdle } from "./scale/idle.ts";
import { type Part, PARTS, partsNamed, type ScaleResults } from "./scale/results.ts";
import { measureStart } from "./scale/start.ts";

/** The arms that have a wire: those of the job of its name, ours first. */
const ARMS: Readonly<Record<Wire, readonly string[]>> = { echo: armsAt("echo"), http: armsAt("http") };
/** Those that run unless others are asked for: each takes a minute and a half on a wire. */
const CONNECTIONS_ARMS: Readonly<Record<Wire, readonly string[]>> = {
  echo: ["generator", "async-await", "raw"],
  http: ["generator", "raw", "bun-serve"],
};
const IDLE_ARMS: Readonly<Record<Wire, readonly string[]>> = {
  echo: ["generator", "async-await", "raw"],
  http: ["generator", "async-await", "raw", "bun-serve"],
};

const USAGE = `usage: bun run bench:scale [options] [parts]

  parts             of ${PARTS.join(", ")} (default: all, about a quarter of an hour)
  --quick           a smoke run of under 25 seconds: no figure of it counts
  --wires a,b       of ${WIRES.join(", ")} (default: both)
  --arms a,b        on echo of ${ARMS.echo.join(", ")},
                    on http of ${ARMS.http.join(", ")}
                    (default for connections: ${CONNECTIONS_ARMS.echo.join(", ")} on echo, ${CONNECTIONS_ARMS.http.join(", ")} on http)
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
  /** Empty: those of the defaults. */
  readonly arms: readonly string[];
  readonly counts: readonly number[];
  readonly rates: readonly number[];
  readonly burstMs: number;
  readonly restarts: number;
  readonly starts: number;
  readonly pairs: number;
  readonly idle: number;
}

function armsAt(job: string): readonly string[] {
  return (jobsNamed([job])[0] as Job).arms;
}

function wiresNamed(names: readonly string[]): readonly Wire[] {
  const unknown = names.find((name) => !WIRES.some((wire) => wire === name));
  if (unknown !== undefined) throw new RangeError(`Cannot use the wire ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? WIRES : WIRES.filter((wire) => names.includes(wire));
}

/** @throws RangeError for an arm that has none of `wires`. */
function armsNamed(names: readonly string[], wires: readonly Wire[]): readonly string[] {
  const unknown = names.find((name) => !wires.some((wire) => ARMS[wire].includes(name)));
  if (unknown === undefined) return names;
  throw new RangeError(`Cannot run the arm ${JSON.stringify(unknown)}: it has nothing on ${wires.join(" or ")}`);
}

/** The arms of a wire that were asked for, or `defaults`. */
function armsOf(wire: Wire, { arms }: Settings, defaults: typeof ARMS): Arm[] {
  return (arms.length === 0 ? defaults[wire] : ARMS[wire].filter((arm) => arms.includes(arm))).map(armNamed);
}

async function connectionsPart(settings: Settings, progress: Progress): Promise<ConnectionsResult[]> {
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
      for (const arm of armsOf(wire, settings, CONNECTIONS_ARMS))
        results.push(await measureConnections(wire, arm, rate, extent, progress));
    }
  }
  return results;
}

async function idlePart(settings: Settings, progress: Progress): Promise<IdleResult[]> {
  const { idle, restarts, quick, wires } = settings;
  const extent = { connections: idle, restarts, settles: quick ? 1 : 3, restMs: quick ? 0 : 3_000 };
  const results: IdleResult[] = [];
  for (const wire of wires) {
    const arms = armsOf(wire, settings, IDLE_ARMS);
    const measured = quick ? arms.filter((_arm, i) => i === 0 || i === arms.length - 1) : arms;
    results.push(...(await measureIdle(wire, measured, extent, progress)));
  }
  return results;
}

async function measure(settings: Settings, progress: Progress): Promise<Pick<ScaleResults, Part>> {
  const { parts, quick, pairs, starts } = settings;
  const crowd = { counts: quick ? [1, 1_000, 10_000] : [1, 1_000, 1_000_000], pairs, quick };
  return {
    connections: parts.includes("connections") ? await connectionsPart(settings, progress) : [],
    tasks: parts.includes("tasks") ? await measureCrowd("tasks", crowd, progress) : [],
    timers: parts.includes("timers") ? await measureCrowd("timers", crowd, progress) : [],
    idle: parts.includes("idle") ? await idlePart(settings, progress) : [],
    start: parts.includes("start") ? await measureStart({ restarts: starts, requests: 1_000 }, progress) : [],
  };
}

await runBench({
  script: "bench:scale",
  usage: USAGE,
  flags: {
    names: ["wires", "arms", "counts", "rate", "burst-ms", "restarts", "pairs", "idle"],
    switches: ["saturated"],
    words: true,
  },
  settingsOf: ({ quick, values, switches, words }): Settings => {
    const countMax = connectionsMax();
    const counts = listOf(values.counts).map((count) => countOf(count, 1, 1, countMax));
    const rate = countOf(values.rate, 8_000, 0, 1_000_000);
    const wires = wiresNamed(listOf(values.wires));
    return {
      parts: partsNamed(words),
      quick,
      wires,
      arms: armsNamed(listOf(values.arms), wires),
      counts: counts.length > 0 ? counts : quick ? [10, 100] : [10, 100, 1_000, 10_000],
      rates: [...(rate === 0 ? [] : [rate]), ...((switches.saturated && !quick) || rate === 0 ? [0] : [])],
      burstMs: countOf(values["burst-ms"], quick ? 40 : 1_300, 1, 60_000),
      restarts: countOf(values.restarts, quick ? 1 : 3, 1, 100),
      starts: countOf(values.restarts, quick ? 2 : 30, 1, 1_000),
      pairs: countOf(values.pairs, quick ? 1 : 3, 1, 100),
      idle: Math.min(countOf(values.idle, quick ? 500 : 10_000, 100, 25_000), countMax),
    };
  },
  optionsOf: (settings) => ({ ...settings }),
  measure,
  reportOf: (results) => markdownOf(buildReport({ scale: [results] })),
});
