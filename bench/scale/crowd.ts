// Many of a kind in one process: 1, 1,000 and 1,000,000 parked tasks or armed timers, ours and the twin's, which is what the engine gives for the
// same: async functions that await a promise, and setTimeout. Each measurement has a process of its own (child.ts), in pairs whose order
// alternates. The cost of a switch among so many is taken from bench/micro/switch.ts, which times just that.

import { join } from "node:path";

import type { Timing } from "../micro/child.ts";
import type { SideName } from "../micro/shared/bench.ts";

/** What there is many of. */
export type Crowd = "tasks" | "timers";

/** What one child has found. Bytes are 0 where there are too few to tell them from noise. */
export interface CrowdMeasures {
  /** Resident bytes each. */
  readonly residentBytes: number;
  /** Bytes on the JavaScript heap each. */
  readonly heapBytes: number;
  /** Nanoseconds to make and start a task until it waits, or to arm a timer. */
  readonly beginNs: number;
  /** Nanoseconds to arm and cancel one timer more beside all those armed; 0 for tasks. */
  readonly armCancelNs: number;
  /** CPU nanoseconds to wake a task and run it to its end, or to have a timer fire. */
  readonly endNs: number;
}

/** A side's measures, with a switch among as many tasks; 0 for timers. */
export interface CrowdRound extends CrowdMeasures {
  readonly switchNs: number;
}

/** One number of tasks or timers. Rounds of equal index are a pair. */
export interface CrowdResult {
  readonly crowd: Crowd;
  readonly count: number;
  readonly ours: readonly CrowdRound[];
  readonly twin: readonly CrowdRound[];
}

/** How much is measured. */
export interface CrowdExtent {
  readonly counts: readonly number[];
  readonly pairs: number;
  /** A smoke run: the switch is timed among fewer, and briefly. */
  readonly quick: boolean;
}

/** The numbers that bench/micro/switch.ts has a bench for. */
const SWITCH_COUNTS: ReadonlySet<number> = new Set([1, 1_000, 1_000_000]);
const CHILD_MS_MAX = 120_000;

/** Measures one kind at each number. */
export async function measureCrowd(
  crowd: Crowd,
  { counts, pairs, quick }: CrowdExtent,
  progress: (text: string) => void,
): Promise<CrowdResult[]> {
  const results: CrowdResult[] = [];
  for (const count of counts) {
    const sides: Record<SideName, CrowdRound[]> = { ours: [], twin: [] };
    for (let pair = 0; pair < pairs; pair++) {
      progress(`${crowd}: ${count}, pair ${pair + 1} of ${pairs}`);
      const order: readonly SideName[] = pair % 2 === 0 ? ["ours", "twin"] : ["twin", "ours"];
      for (const side of order) sides[side].push(measureSide(crowd, side, count, quick));
    }
    results.push({ crowd, count, ...sides });
  }
  return results;
}

function measureSide(crowd: Crowd, side: SideName, count: number, quick: boolean): CrowdRound {
  const measures = inChild<CrowdMeasures>("scale/child.ts", [crowd, side, String(count)]);
  const timed = crowd === "tasks" && SWITCH_COUNTS.has(count);
  const switchNs = timed
    ? inChild<Timing>("micro/child.ts", [`switch-${count}`, side, quick ? "smoke" : "full"]).ns
    : 0;
  return { ...measures, switchNs };
}

function inChild<Result>(program: string, flags: readonly string[]): Result {
  const child = Bun.spawnSync([process.execPath, join(import.meta.dir, "..", program), ...flags], {
    stderr: "inherit",
    timeout: CHILD_MS_MAX,
    env: { ...process.env, NODE_ENV: "production" },
  });
  if (!child.success) throw new Error(`Cannot run ${program} ${flags.join(" ")}: exit code ${child.exitCode}`);
  return JSON.parse(child.stdout.toString()) as Result;
}
