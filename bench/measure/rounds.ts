// Paired rounds. All arms of a job run side by side in fresh processes, are warmed, then take turns in bursts: for each pair A B B A, or B A A B, so that
// neither a drift of the machine nor who came first favours one of them, and the next pair. Short bursts and many turns, because the
// machine changes its speed within a second. In which order arms are started and warmed changes from restart to restart.

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
  /** A B B A sequences of each pair in each restart: two pairs of bursts each. */
  readonly sequences: number;
  readonly connections: number;
  /** Requests a second offered; 0 = closed loop. */
  readonly rate: number;
  /** What every arm is told besides: see services.ts. */
  readonly serverFlags?: readonly string[];
}

/** The bursts of one restart, those of equal index being a pair. */
export interface Round<Result = BurstResult> {
  readonly restart: number;
  readonly firstStarted: "a" | "b";
  readonly a: readonly Result[];
  readonly b: readonly Result[];
}

/** Two arms compared at a job. */
export interface Comparison<Result = BurstResult> {
  /** The name of the job. */
  readonly job: string;
  readonly a: string;
  readonly b: string;
  readonly rounds: readonly Round<Result>[];
}

/** Two arms to be held against each other: twice the same is the A/A control, of two processes. */
export type Pair = readonly [a: Arm, b: Arm];

/** Quiet between two bursts: what the last one left to do is done by then. */
const PAUSE_MS = 10;
/** Shares of the warm-up. The generator is cold as well: a first taste for all, so that the first arm's warm-up is not spent on it. */
const WARM_UPS = [0.25, 1] as const;
const WARM_SHARES = WARM_UPS[0] + WARM_UPS[1];
/** One sequence, and the one behind a burst that woke `b`: in both either side waits once for two bursts of the other and once for none. */
const SIDES = ["a", "b", "b", "a"] as const;
const SIDES_WOKEN = ["b", "a", "a", "b"] as const;

/** Compares arm `a` with arm `b` at a job. `progress` is told of each restart. */
export async function compare(
  job: Job,
  a: Arm,
  b: Arm,
  extent: Extent,
  progress: (text: string) => void,
): Promise<Comparison> {
  const [comparison] = await compareAll(job, [[a, b]], extent, progress);
  return comparison as Comparison;
}

/** Compares the arms of each pair at a job of requests, lines or echoes, all in the same rounds. `progress` is told of each restart. */
export async function compareAll(
  job: Job,
  pairs: readonly Pair[],
  extent: Extent,
  progress: (text: string) => void,
): Promise<Comparison[]> {
  const rounds: Round[][] = [];
  for (let restart = 0; restart < extent.restarts; restart++) {
    progress(`${job.name}: restart ${restart + 1} of ${extent.restarts}`);
    rounds.push(await runRound(job, pairs, extent, restart));
  }
  return pairs.map(([a, b], i) => ({
    job: job.name,
    a: a.name,
    b: b.name,
    rounds: rounds.map((ofPairs) => ofPairs[i] as Round),
  }));
}

/** Seconds until a process serves, about. */
const START_SECONDS = 0.14;

/** About how many seconds the pairs of one job take: processes that start, warm-ups, bursts. */
export function secondsOfRounds(pairs: readonly Pair[], { restarts, warmMs, burstMs, sequences }: Extent): number {
  const processes = orderOf(pairs, 0).length;
  const warming = processes * (START_SECONDS + (warmMs * WARM_SHARES + 2 * PAUSE_MS) / 1000);
  const bursts = turnsOf(pairs, sequences).length;
  return restarts * (warming + (bursts * (burstMs + PAUSE_MS)) / 1000);
}

async function runRound(job: Job, pairs: readonly Pair[], extent: Extent, restart: number): Promise<Round[]> {
  await using stack = new AsyncDisposableStack();
  const generator = stack.use(new Generator(job.load));
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
  const servers = new Map<string, Server>();
  const order = orderOf(pairs, restart);
  for (const { seat, arm } of order) servers.set(seat, stack.use(await Server.start(arm, extent.serverFlags)));
  for (const ms of WARM_UPS.map((share) => share * extent.warmMs))
    for (const { seat } of order) await burst(servers.get(seat) as Server, ms);
  const results = pairs.map((): { a: BurstResult[]; b: BurstResult[] } => ({ a: [], b: [] }));
  for (const { seat, of } of turnsOf(pairs, extent.sequences)) {
    const result = await burst(servers.get(seat) as Server, extent.burstMs);
    if (of !== null) results[of.pair]?.[of.side].push(result);
  }
  return pairs.map((pair, index) => {
    const { a, b } = seatsOf(pair);
    const firstStarted = order.findIndex(({ seat }) => seat === a) < order.findIndex(({ seat }) => seat === b);
    return {
      restart,
      firstStarted: firstStarted ? "a" : "b",
      ...(results[index] as { a: BurstResult[]; b: BurstResult[] }),
    };
  });
}

/** One burst: of which process, and which side of which pair it counts for; `null` when it only wakes. */
export interface Turn {
  readonly seat: string;
  readonly of: { readonly pair: number; readonly side: "a" | "b" } | null;
}

/**
 * All bursts of a restart in their order. A process that others have kept waiting is woken before it counts: its first burst costs more than its
 * next one, by 7 % in the median of 18 jobs, up to 20 %, and only the first arm, which is in nearly every pair, has nobody to wait for.
 */
export function turnsOf(pairs: readonly Pair[], sequences: number): Turn[] {
  const turns: Turn[] = [];
  // A pair alone comes from the warm-up.
  let awake = pairs.length === 1 ? Object.values(seatsOf(pairs[0] as Pair)) : [];
  for (let i = 0; i < sequences; i++) {
    for (const [index, pair] of pairs.entries()) {
      const seats = seatsOf(pair);
      const both = [seats.a, seats.b];
      turns.push(...both.filter((seat) => !awake.includes(seat)).map((seat) => ({ seat, of: null })));
      turns.push(
        ...(pairs.length === 1 ? SIDES : SIDES_WOKEN).map((side) => ({ seat: seats[side], of: { pair: index, side } })),
      );
      awake = both;
    }
  }
  return turns;
}

/** One process of an arm. */
interface Seat {
  readonly seat: string;
  readonly arm: Arm;
}

/** The processes of a pair: an arm that is held against itself has a second one. */
function seatsOf([a, b]: Pair): { a: string; b: string } {
  return { a: a.name, b: a === b ? `${b.name} again` : b.name };
}

/** Every process that the pairs need, once, in the order in which they are started: turned by one with each restart, and back to front in every other one. */
function orderOf(pairs: readonly Pair[], restart: number): readonly Seat[] {
  const seats = new Map<string, Arm>();
  for (const pair of pairs) {
    const { a, b } = seatsOf(pair);
    seats.set(a, pair[0]);
    seats.set(b, pair[1]);
  }
  const all = [...seats].map(([seat, arm]) => ({ seat, arm }));
  const turn = (restart >> 1) % all.length;
  const turned = [...all.slice(turn), ...all.slice(0, turn)];
  return restart % 2 === 0 ? turned : turned.toReversed();
}
