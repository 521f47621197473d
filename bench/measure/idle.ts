// What an idle connection keeps in memory: resident bytes of an echo server with many connections that have each sent one message, minus
// those before. Both readings are taken after the garbage was collected and the allocator had time to give memory back. What the kernel
// keeps for a socket is not in it.

import { residentBytes } from "../load/shared/cpu.ts";
import type { Arm } from "./arms.ts";
import { Generator, Server } from "./processes.ts";
import { median } from "./statistics.ts";

/** The memory of one arm. */
export interface IdleResult {
  readonly arm: string;
  readonly connections: number;
  /** Median over restarts. */
  readonly bytesEach: number;
  /** Each restart. */
  readonly all: readonly number[];
  /** Ours over this arm's; 0 for ours. */
  readonly ratio: number;
}

/** Connections before the first reading: buffers and code that the first ones need are there by then. */
const FIRST_CONNECTIONS = 64;

/** Measures each arm, ours first. `settles`: collections of garbage before each reading. */
export async function measureIdle(
  arms: readonly Arm[],
  connections: number,
  restarts: number,
  settles: number,
  progress: (text: string) => void,
): Promise<IdleResult[]> {
  const results: IdleResult[] = [];
  for (const arm of arms) {
    const all: number[] = [];
    for (let restart = 0; restart < restarts; restart++) {
      progress(`idle: ${arm.name}, ${connections} connections, restart ${restart + 1} of ${restarts}`);
      all.push(await idleBytes(arm, connections, settles));
    }
    const bytesEach = median(all);
    const ratio = results[0] === undefined ? 0 : results[0].bytesEach / bytesEach;
    results.push({ arm: arm.name, connections, bytesEach, all, ratio });
  }
  return results;
}

async function idleBytes(arm: Arm, connections: number, settles: number): Promise<number> {
  await using generator = new Generator("echo");
  await using server = await Server.start(arm);
  // A burst of 1 ms: every connection sends one message, few send a second one.
  const burst = { port: server.echoPort, serverPid: server.pid, ms: 1, request: "", pipelining: 1, rate: 0 };
  await generator.run({ ...burst, connections: FIRST_CONNECTIONS });
  await server.settle(settles);
  const before = residentBytes(server.pid);
  await generator.run({ ...burst, connections });
  await server.settle(settles);
  return (residentBytes(server.pid) - before) / (connections - FIRST_CONNECTIONS);
}
