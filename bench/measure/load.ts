// What arms do under load. At saturation: requests a second by autocannon and by wrk, each arm alone with a fresh process, none of which is a
// comparison; ratios of CPU time come from rounds.ts. In the open loop: two arms at the same rate, half of what the slowest one takes, in
// short bursts in the order A B B A.
//
// The bursts are short because p99 of a long one is that of its worst moment, and on two cores that moment is the machine's more often than the
// server's: of an arm against itself, while others used the machine as well, 16 pairs of 200 ms gave 0.10 to 1.37, 48 pairs of 50 ms 0.88 to
// 1.85. The ratio of two neighbours' p99, its median over many pairs, leaves such moments out; percentiles over all requests of all bursts
// stand beside it, so that a server with rare stalls of its own cannot hide them.

import type { OpenLoopCommand, OpenLoopResult } from "../load/open-loop.ts";
import type { BurstResult } from "../load/shared/burst.ts";
import { OpenPool } from "../load/shared/open-pool.ts";
import { isRight, type Saturating, type SaturatingResult } from "../load/shared/saturating.ts";
import { runWrk } from "../load/wrk.ts";
import { type Arm, armNamed } from "./arms.ts";
import type { Progress } from "./command.ts";
import type { Job } from "./jobs.ts";
import { Child, Generator, Server } from "./processes.ts";
import type { Comparison, Round } from "./rounds.ts";
import type { Session } from "./session.ts";
import { median } from "./statistics.ts";

/** The generators, in the order in which they run. */
export const GENERATORS = ["autocannon", "wrk", "open-loop"] as const;

/** One of them. */
export type GeneratorName = (typeof GENERATORS)[number];

/** How much is measured. */
export interface LoadExtent {
  readonly restarts: number;
  /** Ms of warm-up of each fresh process. */
  readonly warmMs: number;
  /** Ms of a run at saturation; wrk counts whole seconds. */
  readonly burstMs: number;
  /** Ms of a burst of the open loop. */
  readonly openBurstMs: number;
  /** A B B A sequences of the open loop in each restart: two pairs each. */
  readonly sequences: number;
  readonly connections: number;
  /** What the servers must be told of the services that run beside them. */
  readonly serverFlags: readonly string[];
}

/** The runs of one arm at saturation, by one generator: one a restart. */
export interface SaturationRuns {
  readonly job: string;
  readonly arm: string;
  readonly generator: "autocannon" | "wrk";
  readonly connections: number;
  readonly pipelining: number;
  readonly runs: readonly SaturatingResult[];
}

/** What our own closed loop gets out of an arm: the open loop's rate comes from it. */
export interface Capacity {
  readonly job: string;
  readonly arm: string;
  readonly connections: number;
  readonly bursts: readonly BurstResult[];
}

/** Two arms at the same offered rate. */
export interface OpenComparison extends Comparison<OpenLoopResult> {
  readonly connections: number;
  /** Requests a second offered to each. */
  readonly rate: number;
}

/** Everything that one call of bench:load has measured. */
export interface LoadResults extends Session {
  readonly saturation: readonly SaturationRuns[];
  readonly capacities: readonly Capacity[];
  readonly open: readonly OpenComparison[];
}

/** Whether every answer at saturation was right; the open loop does not get so far with a wrong one. */
export function isAllRight({ saturation }: LoadResults): boolean {
  return saturation.every(({ runs }) => runs.every(isRight));
}

/** Share of the slowest arm's saturation that the open loop offers. */
export const LOAD_SHARE = 0.5;
/** Bursts that the saturation of an arm is the median of. */
const CAPACITY_BURSTS = 3;
/** Beyond the length of a run: connecting, and the generator's own wait for late answers. */
const RUN_EXTRA_MS_MAX = 60_000;
/** Quiet between two bursts: what the last one left to do is done by then. */
const PAUSE_MS = 20;
/**
 * Load ahead of the requests that are timed. Without it the first burst behind a change of server had twice the p99 of the second one: in the order
 * A B B A the ratio of an arm to itself was 0.66 to 1.05 in one half of the pairs, 2.0 to 2.2 in the other.
 */
const LEAD_MS = 50;

/** Loads each arm with each of `generators` as hard as these can. @throws when one of them is not installed. */
export async function saturate(
  job: Job,
  arms: readonly Arm[],
  generators: readonly ("autocannon" | "wrk")[],
  extent: LoadExtent,
  progress: Progress,
): Promise<SaturationRuns[]> {
  const { restarts } = extent;
  const connections = connectionsOf(job, extent);
  const all = arms.map((arm) => generators.map((generator) => ({ arm, generator, runs: [] as SaturatingResult[] })));
  await using cannon = new Child("load/autocannon.ts", []);
  for (let restart = 0; restart < restarts; restart++) {
    // Who comes first changes from restart to restart.
    for (const ofArm of restart % 2 === 0 ? all : all.toReversed()) {
      await using server = await warmed(ofArm[0]?.arm ?? armNamed(job.arms[0]), job, extent);
      for (const { arm, generator, runs } of ofArm) {
        progress(`${job.name}: ${arm.name} at saturation by ${generator}, restart ${restart + 1} of ${restarts}`);
        runs.push(await saturateOnce(generator, cannon, job, server, extent));
      }
    }
  }
  return all.flat().map(({ arm, generator, runs }) => ({
    job: job.name,
    arm: arm.name,
    generator,
    connections,
    pipelining: job.pipelining,
    runs,
  }));
}

async function saturateOnce(
  generator: "autocannon" | "wrk",
  cannon: Child,
  job: Job,
  server: Server,
  extent: LoadExtent,
): Promise<SaturatingResult> {
  const { request, pipelining } = job;
  const { burstMs } = extent;
  const run: Saturating = {
    port: server.httpPort,
    serverPid: server.pid,
    request,
    connections: connectionsOf(job, extent),
    pipelining,
    ms: burstMs,
  };
  if (generator === "autocannon")
    return cannon.ask<SaturatingResult>(run, burstMs + RUN_EXTRA_MS_MAX, "run autocannon");
  return runWrk(run, await answerBytesOf(server, request));
}

/** Bytes of one right answer. */
async function answerBytesOf(server: Server, request: string): Promise<number> {
  using pool = new OpenPool();
  const open = await pool.open(server.httpPort, request, 1);
  const wrong = await open.warm();
  if (wrong > 0 || open.pattern === null) throw new Error(`Cannot use ${server.arm.name}: ${wrong} answers were wrong`);
  return open.pattern.answerBytes;
}

/** Compares the first of `arms` with each other at half of what the slowest of them takes; `control`: and with itself. */
export async function openLoop(
  job: Job,
  arms: readonly [Arm, ...Arm[]],
  extent: LoadExtent,
  control: boolean,
  progress: Progress,
): Promise<Pick<LoadResults, "capacities" | "open">> {
  const capacities: Capacity[] = [];
  for (const arm of arms) {
    progress(`${job.name}: what ${arm.name} takes`);
    capacities.push(await capacityOf(job, arm, extent));
  }
  const rate = Math.max(1, Math.floor(LOAD_SHARE * Math.min(...capacities.map(perSecond))));
  const [first, ...others] = arms;
  const open: OpenComparison[] = [];
  for (const other of control ? [...others, first] : others)
    open.push(await compareOpen(job, first, other, rate, extent, progress));
  return { capacities, open };
}

/** Requests a second that an arm took. */
export function perSecond({ bursts }: Capacity): number {
  return median(bursts.map(({ answers, wallNs }) => answers / (wallNs / 1e9)));
}

async function capacityOf(job: Job, arm: Arm, extent: LoadExtent): Promise<Capacity> {
  const { warmMs, burstMs, serverFlags } = extent;
  const connections = connectionsOf(job, extent);
  await using generator = new Generator("http");
  await using server = await Server.start(arm, serverFlags);
  const burst = { port: server.httpPort, serverPid: server.pid, connections, request: job.request };
  await generator.run({ ...burst, pipelining: 1, ms: warmMs, rate: 0 });
  const bursts: BurstResult[] = [];
  for (let i = 0; i < CAPACITY_BURSTS; i++)
    bursts.push(await generator.run({ ...burst, pipelining: 1, ms: burstMs / 2, rate: 0 }));
  return { job: job.name, arm: arm.name, connections, bursts };
}

async function compareOpen(
  job: Job,
  a: Arm,
  b: Arm,
  rate: number,
  extent: LoadExtent,
  progress: Progress,
): Promise<OpenComparison> {
  const rounds: Round<OpenLoopResult>[] = [];
  for (let restart = 0; restart < extent.restarts; restart++) {
    const at = `${rate} requests/s, restart ${restart + 1} of ${extent.restarts}`;
    progress(`${job.name}: ${a.name} against ${b.name} in the open loop at ${at}`);
    rounds.push(await openRound(job, a, b, rate, extent, restart));
  }
  return { job: job.name, a: a.name, b: b.name, connections: connectionsOf(job, extent), rate, rounds };
}

async function openRound(
  job: Job,
  a: Arm,
  b: Arm,
  rate: number,
  extent: LoadExtent,
  restart: number,
): Promise<Round<OpenLoopResult>> {
  const { openBurstMs, sequences, warmMs } = extent;
  const connections = connectionsOf(job, extent);
  await using generator = new Child("load/open-loop.ts", ["--commands"]);
  const firstStarted = restart % 2 === 0 ? "a" : "b";
  await using first = await warmed(firstStarted === "a" ? a : b, job, extent);
  await using second = await warmed(firstStarted === "a" ? b : a, job, extent);
  const burst = async (server: Server, ms: number): Promise<OpenLoopResult> => {
    await Bun.sleep(PAUSE_MS);
    const ports = { port: server.httpPort, serverPid: server.pid };
    const command: OpenLoopCommand = { ...ports, request: job.request, connections, rate, ms, leadMs: LEAD_MS };
    const result = await generator.ask<OpenLoopResult>(command, LEAD_MS + ms + RUN_EXTRA_MS_MAX, "run the open loop");
    if (result.wrong === 0) return result;
    throw new Error(`Cannot use ${server.arm.name}: ${result.wrong} of ${result.answers} answers were wrong`);
  };
  // The generator is cold as well.
  for (const server of [first, second, first, second]) await burst(server, warmMs / 4);
  const [serverA, serverB] = firstStarted === "a" ? [first, second] : [second, first];
  const results: { a: OpenLoopResult[]; b: OpenLoopResult[] } = { a: [], b: [] };
  for (let i = 0; i < sequences; i++) {
    for (const side of ["a", "b", "b", "a"] as const)
      results[side].push(await burst(side === "a" ? serverA : serverB, openBurstMs));
  }
  return { restart, firstStarted, ...results };
}

/** A fresh server with its code compiled; what warmed it is gone. */
async function warmed(arm: Arm, job: Job, extent: LoadExtent): Promise<Server> {
  const server = await Server.start(arm, extent.serverFlags);
  await using generator = new Generator("http");
  const connections = connectionsOf(job, extent);
  const burst = { port: server.httpPort, serverPid: 0, connections, request: job.request, rate: 0 };
  try {
    await generator.run({ ...burst, pipelining: job.pipelining, ms: extent.warmMs });
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

function connectionsOf(job: Job, { connections }: LoadExtent): number {
  return Math.min(connections, job.connectionsMax);
}
