// The rows of the scale report: numbers with their meaning, no text. report.ts makes Markdown of them; other reports may show them as they like.

import type { BurstResult } from "../load/shared/burst.ts";
import { type Estimate, estimate, median, pairRatios } from "../measure/statistics.ts";
import type { ConnectionsResult, Wire } from "./connections.ts";
import type { Crowd, CrowdResult, CrowdRound } from "./crowd.ts";
import type { IdleResult } from "./idle.ts";
import { START_ARMS, type StartArm, type StartFigures, type StartRound } from "./start.ts";

/** Most that an event may cost with the most connections of what it costs with the fewest. */
export const GROWTH_MAX = 1.25;
/** Most that an idle HTTP connection may keep of what one of Bun.serve keeps. */
export const IDLE_RATIO_MAX = 1.2;
/** Most that our start to the first answer, and the memory after it, may come to of Bun.serve's. */
export const START_RATIO_MAX = 1.3;
export const START_MEMORY_RATIO_MAX = 1.2;

/** One arm on one wire at one rate. */
export interface ConnectionsRow {
  readonly wire: Wire;
  readonly arm: string;
  readonly rate: number;
  /** For each number of connections. */
  readonly points: readonly {
    readonly connections: number;
    /** CPU nanoseconds of the server an event. */
    readonly cpuNs: number;
    readonly eventsPerSecond: number;
    /** Share of one core that the generator was busy. */
    readonly generatorBusy: number;
  }[];
  /** CPU an event with the most connections over that with the fewest. */
  readonly growth: Estimate;
}

/** The rows of `connections`. */
export function connectionsRows(results: readonly ConnectionsResult[]): ConnectionsRow[] {
  return results.map(({ wire, arm, rate, counts, rounds }) => {
    const points = counts.map((connections, i) => {
      const bursts = rounds.flatMap((round) => round.bursts[i] ?? []);
      return {
        connections,
        cpuNs: median(bursts.map(cpuNsOf)),
        eventsPerSecond: median(bursts.map(({ answers, wallNs }) => answers / (wallNs / 1e9))),
        generatorBusy: median(bursts.map(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs)),
      };
    });
    const last = counts.length - 1;
    const cpuOf = (bursts: readonly BurstResult[] = []): number[] => bursts.map(cpuNsOf);
    const growth = estimate(rounds.map(({ bursts }) => pairRatios(cpuOf(bursts[last]), cpuOf(bursts[0]))));
    return { wire, arm, rate, points, growth };
  });
}

const cpuNsOf = ({ serverCpuNs, answers }: BurstResult): number => serverCpuNs / answers;

/** One number of tasks or timers: medians of both sides. */
export interface CrowdRow {
  readonly crowd: Crowd;
  readonly count: number;
  readonly ours: CrowdRound;
  readonly twin: CrowdRound;
}

/** The rows of `tasks` or `timers`. */
export function crowdRows(results: readonly CrowdResult[]): CrowdRow[] {
  return results.map(({ crowd, count, ours, twin }) => ({ crowd, count, ours: middle(ours), twin: middle(twin) }));
}

function middle(rounds: readonly CrowdRound[]): CrowdRound {
  const of = (key: keyof CrowdRound): number => median(rounds.map((round) => round[key]));
  return {
    residentBytes: of("residentBytes"),
    heapBytes: of("heapBytes"),
    beginNs: of("beginNs"),
    armCancelNs: of("armCancelNs"),
    endNs: of("endNs"),
    switchNs: of("switchNs"),
  };
}

/** The idle connections of one arm. */
export interface IdleRow {
  readonly wire: Wire;
  readonly arm: string;
  readonly connections: number;
  readonly bytes: number;
  readonly bytesBusy: number;
  /** Bytes of our arm over this one's, restart by restart; none for ours, and where ours was not measured. */
  readonly ratio: Estimate | null;
}

/** Our arm. */
const OURS = "generator";

/** The rows of `idle`. */
export function idleRows(results: readonly IdleResult[]): IdleRow[] {
  return results.map(({ wire, arm, connections, bytesEach, bytesBusyEach }) => {
    const ours = results.find((result) => result.wire === wire && result.arm === OURS);
    const ratio =
      ours === undefined || arm === OURS
        ? null
        : estimate(pairRatios(ours.bytesEach, bytesEach).map((value) => [value]));
    return { wire, arm, connections, bytes: median(bytesEach), bytesBusy: median(bytesBusyEach), ratio };
  });
}

/** The starts of one arm. */
export interface StartRow extends StartFigures {
  readonly arm: StartArm;
  /** Ms to the first answer, and resident bytes after it, over Bun.serve's, restart by restart; none for Bun.serve. */
  readonly ratios: {
    readonly firstAnswerMs: Estimate;
    readonly residentAfterStart: Estimate;
    readonly residentAfterRequests: Estimate;
  } | null;
}

/** The rows of `start`. */
export function startRows(rounds: readonly StartRound[]): StartRow[] {
  if (rounds.length === 0) return [];
  return START_ARMS.map((arm) => {
    const of = (key: keyof StartFigures): number => median(rounds.map((round) => round[arm][key]));
    const over = (key: keyof StartFigures): Estimate =>
      estimate(rounds.map((round) => [round[arm][key] / round["bun-serve"][key]]));
    return {
      arm,
      firstAnswerMs: of("firstAnswerMs"),
      cpuMs: of("cpuMs"),
      residentAfterStart: of("residentAfterStart"),
      residentAfterRequests: of("residentAfterRequests"),
      ratios:
        arm === "bun-serve"
          ? null
          : {
              firstAnswerMs: over("firstAnswerMs"),
              residentAfterStart: over("residentAfterStart"),
              residentAfterRequests: over("residentAfterRequests"),
            },
    };
  });
}
