// What an idle connection keeps in memory: resident bytes of a server with many connections that have each had one exchange, an echo or a
// request, minus those with a few. Both readings are taken after garbage was collected and the allocator had time to give memory back.
// The few have had as many exchanges before as all the others have then: what the compilers make of it is there by the first reading, and
// what the kernel keeps for a socket is not in it. In each restart every arm has its turn, the first one rotates, and the ratio is that of
// one restart. That all connections are still open is checked at the end: a server that has closed them would look frugal.

import { readdirSync, readlinkSync } from "node:fs";

import { residentBytes } from "../load/shared/cpu.ts";
import { getRequest } from "../load/shared/request.ts";
import type { Arm } from "../measure/arms.ts";
import { Generator, Server } from "../measure/processes.ts";
import type { Wire } from "./connections.ts";

/** How much is measured. */
export interface IdleExtent {
  readonly connections: number;
  readonly restarts: number;
  /** Collections of garbage before each reading. */
  readonly settles: number;
  /** Ms that the connections are left alone before the second reading. */
  readonly restMs: number;
}

/** The memory of one arm. */
export interface IdleResult {
  readonly wire: Wire;
  readonly arm: string;
  readonly connections: number;
  /** Resident bytes a connection, of each restart. */
  readonly bytesEach: readonly number[];
  /** The same while all of them had a request under way, garbage and all. */
  readonly bytesBusyEach: readonly number[];
}

/** Connections before the first reading. */
const FIRST_CONNECTIONS = 64;
/** Exchanges a second while each connection has its first one: not all at once, which would measure the garbage of that moment. */
const RATE = 10_000;
/** A burst is this much longer than it takes: nobody may be left out at its end. Connections take turns, so some have a second exchange. */
const LONGER = 1.25;

/** Measures each arm at one wire. */
export async function measureIdle(
  wire: Wire,
  arms: readonly Arm[],
  extent: IdleExtent,
  progress: (text: string) => void,
): Promise<IdleResult[]> {
  const results = arms.map(({ name }) => ({
    wire,
    arm: name,
    connections: extent.connections,
    bytesEach: [] as number[],
    bytesBusyEach: [] as number[],
  }));
  for (let restart = 0; restart < extent.restarts; restart++) {
    for (let turn = 0; turn < arms.length; turn++) {
      const at = (restart + turn) % arms.length;
      const arm = arms[at] as Arm;
      progress(
        `idle: ${wire}, ${arm.name}, ${extent.connections} connections, restart ${restart + 1} of ${extent.restarts}`,
      );
      const { idle, busy } = await idleBytes(wire, arm, extent);
      results[at]?.bytesEach.push(idle);
      results[at]?.bytesBusyEach.push(busy);
    }
  }
  return results;
}

async function idleBytes(
  wire: Wire,
  arm: Arm,
  { connections, settles, restMs }: IdleExtent,
): Promise<{ idle: number; busy: number }> {
  await using generator = new Generator(wire);
  await using server = await Server.start(arm);
  const ms = Math.ceil((connections / RATE) * 1_000 * LONGER) + 20;
  const exchange = async (count: number): Promise<void> => {
    await generator.run({
      port: wire === "echo" ? server.echoPort : server.httpPort,
      serverPid: server.pid,
      connections: count,
      ms,
      request: wire === "echo" ? "" : getRequest("/"),
      pipelining: 1,
      rate: RATE,
    });
  };
  await exchange(FIRST_CONNECTIONS);
  await server.settle(settles);
  const sockets = openSockets(server.pid);
  const before = residentBytes(server.pid);
  await exchange(connections);
  const more = connections - FIRST_CONNECTIONS;
  const busy = (residentBytes(server.pid) - before) / more;
  await Bun.sleep(restMs);
  await server.settle(settles);
  const idle = (residentBytes(server.pid) - before) / more;
  const open = openSockets(server.pid) - sockets;
  if (open < more) throw new Error(`Cannot measure ${more} idle connections of ${arm.name}: ${open} are open`);
  return { idle, busy };
}

/** Sockets that a process has open. */
function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => isSocket(`${folder}/${fd}`)).length;
}

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith("socket:");
  } catch {
    // Closed between the listing and the look.
    return false;
  }
}
