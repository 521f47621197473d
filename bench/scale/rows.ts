// The rows of the scale report: numbers with their meaning, no text. report/from-scale.ts makes the tables of them.

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

/** One number of connections. */
export interface ConnectionsPoint {
  readonly connections: number;
  /** CPU nanoseconds of the server an event. */
  readonly cpuNs: number;
  /** The kernel's part of it; `null` where that is unknown. */
  readonly kernelNs: number | null;
  readonly eventsPerSecond: number;
  /** Share of one core that the generator was busy. */
  readonly generatorBusy: number;
  /** CPU nanoseconds of the generator an event: does it grow itself? */
  readonly generatorNs: number;
}

/** One arm on one wire at one rate. */
export interface ConnectionsRow {
  readonly wire: Wire;
  readonly arm: string;
  readonly rate: number;
  /** For each number of connections. */
  readonly points: readonly ConnectionsPoint[];
  /** CPU an event with the most connections over that with the fewest. */
  readonly growth: Estimate;
  /** The same within the kernel and outside of it, restart by restart; `null` where they are unknown, or too little was seen to tell them apart. */
  readonly growthInKernel: Estimate | null;
  readonly growthOutside: Estimate | null;
}

/** The rows of `connections`. */
export function connectionsRows(results: readonly ConnectionsResult[]): ConnectionsRow[] {
  return results.map(({ wire, arm, rate, counts, rounds }) => {
    const points = counts.map((connections, i) => {
      const bursts = rounds.flatMap((round) => round.bursts[i] ?? []);
      const cpuNs = median(bursts.map(cpuNsOf));
      const kernelShare = kernelShareOf(bursts);
      return {
        connections,
        cpuNs,
        kernelNs: kernelShare === null ? null : cpuNs * kernelShare,
        eventsPerSecond: median(bursts.map(({ answers, wallNs }) => answers / (wallNs / 1e9))),
        generatorBusy: median(bursts.map(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs)),
        generatorNs: median(bursts.map(({ generatorCpuNs, answers }) => generatorCpuNs / answers)),
      };
    });
    const last = counts.length - 1;
    const cpuOf = (bursts: readonly BurstResult[] = []): number[] => bursts.map(cpuNsOf);
    const growth = estimate(rounds.map(({ bursts }) => pairRatios(cpuOf(bursts[last]), cpuOf(bursts[0]))));
    const ends = rounds.map(({ bursts }) => [partsOf(bursts[0] ?? []), partsOf(bursts[last] ?? [])] as const);
    const growthOf = (part: keyof Parts): Estimate | null => {
      const ratios = ends.map(([first, most]) => most[part] / first[part]);
      return ratios.every((ratio) => Number.isFinite(ratio) && ratio > 0)
        ? estimate(ratios.map((each) => [each]))
        : null;
    };
    return { wire, arm, rate, points, growth, growthInKernel: growthOf("kernel"), growthOutside: growthOf("outside") };
  });
}

const cpuNsOf = ({ serverCpuNs, answers }: BurstResult): number => serverCpuNs / answers;

/** CPU nanoseconds an event, in two parts. */
interface Parts {
  readonly kernel: number;
  readonly outside: number;
}

/** Of the bursts together: one alone has seen too few ticks. NaN where that is unknown. */
function partsOf(bursts: readonly BurstResult[]): Parts {
  const share = kernelShareOf(bursts) ?? Number.NaN;
  const cpuNs = sumOf(bursts, ({ serverCpuNs }) => serverCpuNs) / sumOf(bursts, ({ answers }) => answers);
  return { kernel: cpuNs * share, outside: cpuNs * (1 - share) };
}

/** The kernel's share of the CPU time of all `bursts`; `null` where one does not say. Ticks are coarse: it may come out above the whole. */
function kernelShareOf(bursts: readonly BurstResult[]): number | null {
  if (bursts.some(({ serverKernelNs }) => serverKernelNs === undefined)) return null;
  const share =
    sumOf(bursts, ({ serverKernelNs }) => serverKernelNs ?? 0) / sumOf(bursts, ({ serverCpuNs }) => serverCpuNs);
  return Math.min(share, 1);
}

const sumOf = (bursts: readonly BurstResult[], pick: (burst: BurstResult) => number): number =>
  bursts.reduce((sum, burst) => sum + pick(burst), 0);

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
