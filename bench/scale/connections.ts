// What an event costs when 10, 100, 1,000 or 10,000 connections share the load: does anything in an arm grow with their number? Each number has a
// process of the arm to itself, all of one arm are up at the same time, and their bursts go up the numbers and down again, so that a pair of
// bursts lies side by side and the drift of the machine is in both.
//
// The rate is what makes the numbers comparable. In a closed loop every connection has a request under way, so that a round of epoll
// finds 10 ready sockets or 1,024, and the large number is flattered by the large batch. At a fixed rate, which all connections take
// in turn, the batches are alike, and below ten a millisecond even ten connections can carry it. Both are measured; the rate decides.

import type { BurstResult } from "../load/shared/burst.ts";
import { getRequest } from "../load/shared/request.ts";
import type { Arm } from "../measure/arms.ts";
import { Generator, Server } from "../measure/processes.ts";

/** What may be spoken on the connections. */
export const WIRES = ["echo", "http"] as const;

/** One of them. */
export type Wire = (typeof WIRES)[number];

/** How much is measured. */
export interface ConnectionsExtent {
  readonly counts: readonly number[];
  readonly restarts: number;
  readonly warmMs: number;
  readonly burstMs: number;
}

/** One restart: for each number of connections, in the order of the extent, its burst on the way up and that on the way down. */
export interface ConnectionsRound {
  readonly restart: number;
  readonly bursts: readonly (readonly BurstResult[])[];
}

/** One arm at one rate. */
export interface ConnectionsResult {
  readonly wire: Wire;
  readonly arm: string;
  /** Events a second offered; 0 = closed loop. */
  readonly rate: number;
  readonly counts: readonly number[];
  readonly rounds: readonly ConnectionsRound[];
}

/** While one server has its burst the connections of the others are idle, longer than Bun.serve lets them by default, which is 10 s. */
const FLAGS = ["--head-ms", "120000"];
/** Quiet between two bursts. */
const PAUSE_MS = 30;

/** Measures one arm. */
export async function measureConnections(
  wire: Wire,
  arm: Arm,
  rate: number,
  extent: ConnectionsExtent,
  progress: (text: string) => void,
): Promise<ConnectionsResult> {
  const rounds: ConnectionsRound[] = [];
  for (let restart = 0; restart < extent.restarts; restart++) {
    const load = rate === 0 ? "saturated" : `${rate}/s`;
    progress(`connections: ${wire} ${load}, ${arm.name}, restart ${restart + 1} of ${extent.restarts}`);
    rounds.push(await runRound(wire, arm, rate, extent, restart));
  }
  return { wire, arm: arm.name, rate, counts: extent.counts, rounds };
}

async function runRound(
  wire: Wire,
  arm: Arm,
  rate: number,
  { counts, warmMs, burstMs }: ConnectionsExtent,
  restart: number,
): Promise<ConnectionsRound> {
  await using generator = new Generator(wire);
  await using servers = new AsyncDisposableStack();
  const points: { server: Server; connections: number; bursts: BurstResult[] }[] = [];
  for (const connections of counts) {
    const server = servers.use(await Server.start(arm, FLAGS));
    points.push({ server, connections, bursts: [] });
  }
  // Who is warmed first, and measured first, alternates.
  const up = restart % 2 === 0 ? points : points.toReversed();
  const run = async ({ server, connections }: (typeof points)[number], ms: number): Promise<BurstResult> => {
    await Bun.sleep(PAUSE_MS);
    return generator.run({
      port: wire === "echo" ? server.echoPort : server.httpPort,
      serverPid: server.pid,
      connections,
      ms,
      request: wire === "echo" ? "" : getRequest("/"),
      pipelining: 1,
      rate,
    });
  };
  // Twice: the generator is cold as well.
  for (let i = 0; i < 2; i++) for (const point of up) await run(point, warmMs / 2);
  for (const point of [...up, ...up.toReversed()]) point.bursts.push(await run(point, burstMs));
  return { restart, bursts: points.map(({ bursts }) => bursts) };
}
