// Paired rounds: two arms in fresh processes, warmed, then bursts in the order A B B A, so that neither a drift of the machine nor who came
// first favours one of them. Which arm is started and warmed first alternates from restart to restart.

import type { BurstResult } from "../load/shared/burst.ts";
import type { Arm } from "./arms.ts";
import { type Job, portFor } from "./jobs.ts";
import { Generator, Server } from "./processes.ts";

/** How much is measured. */
export interface Extent {
  readonly restarts: number;
  /** Ms of warm-up of each arm, in each restart. */
  readonly warmMs: number;
  readonly burstMs: number;
  /** A B B A sequences in each restart: two pairs each. */
  readonly sequences: number;
  readonly connections: number;
  /** Requests a second offered; 0 = closed loop. */
  readonly rate: number;
  /** What every arm is told besides: see services.ts. */
  readonly serverFlags?: readonly string[];
}

/** The bursts of one restart, those of equal index being a pair. */
export interface Round {
  readonly restart: number;
  readonly firstStarted: "a" | "b";
  readonly a: readonly BurstResult[];
  readonly b: readonly BurstResult[];
}

/** Two arms compared at a job. */
export interface Comparison {
  /** The name of the job. */
  readonly job: string;
  readonly a: string;
  readonly b: string;
  readonly rounds: readonly Round[];
}

/** Quiet between two bursts: what the last one left to do is done by then. */
const PAUSE_MS = 30;

/** Compares arm `a` with arm `b` at a job of requests or echoes. `progress` is told of each restart. */
export async function compare(
  job: Job,
  a: Arm,
  b: Arm,
  extent: Extent,
  progress: (text: string) => void,
): Promise<Comparison> {
  const rounds: Round[] = [];
  for (let restart = 0; restart < extent.restarts; restart++) {
    progress(`${job.name}: ${a.name} against ${b.name}, restart ${restart + 1} of ${extent.restarts}`);
    rounds.push(await runRound(job, a, b, extent, restart));
  }
  return { job: job.name, a: a.name, b: b.name, rounds };
}

async function runRound(job: Job, a: Arm, b: Arm, extent: Extent, restart: number): Promise<Round> {
  await using generator = new Generator(job.load === "idle" ? "echo" : job.load);
  const firstStarted = restart % 2 === 0 ? "a" : "b";
  await using first = await Server.start(firstStarted === "a" ? a : b, extent.serverFlags);
  await using second = await Server.start(firstStarted === "a" ? b : a, extent.serverFlags);
  const burst = async (server: Server, ms: number): Promise<BurstResult> => {
    await Bun.sleep(PAUSE_MS);
    return generator.run({
      port: portFor(job, server.ports),
      serverPid: server.pid,
      connections: Math.min(extent.connections, job.connectionsMax),
      ms,
      request: job.request,
      others: job.others,
      pipelining: job.pipelining,
      rate: extent.rate,
    });
  };
  // The generator is cold as well: a first taste for both, so that the first arm's warm-up is not spent on it.
  for (const ms of [extent.warmMs / 4, extent.warmMs]) {
    await burst(first, ms);
    await burst(second, ms);
  }
  const [serverA, serverB] = firstStarted === "a" ? [first, second] : [second, first];
  const results: { a: BurstResult[]; b: BurstResult[] } = { a: [], b: [] };
  for (let i = 0; i < extent.sequences; i++) {
    for (const side of ["a", "b", "b", "a"] as const)
      results[side].push(await burst(side === "a" ? serverA : serverB, extent.burstMs));
  }
  return { restart, firstStarted, ...results };
}
