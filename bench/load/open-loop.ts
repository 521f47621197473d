// Load at a fixed rate that does not wait for the server: an absolute schedule (shared/open-book.ts), many connections, latencies that count
// from the time at which a request was due, every answer checked byte for byte. It is where percentiles come from. No closed loop, and no
// pipelining: a connection that waits for its answer is not used.
//
// How it waits decides what it measures. After what is due was sent it always sleeps in ppoll(2) on all its sockets: until an answer comes, or 25
// us before the next request is due, but for 30 us at least, with the kernel's timer slack turned off; timers of the event loop have whole
// milliseconds. A generator that never sleeps shares a core with the server for whole slices of the scheduler: on raw callbacks with 64
// connections on two cores, median p99 of 50 ms bursts at 30,000 and 60,000 requests a second was 3,400 and 3,374 us without a least
// sleep, 302 and 591 with 20 us, 203 and 645 with 30, 337 and 648 with 50. Spinning with setImmediate had 3,979 at 15,000/s in bursts of 500
// ms, where ppoll had 442. Atomics.wait is blind to answers while it sleeps (p50 of 219 us at 5,000/s, where ppoll has 64), and ppoll up to
// the very due time wakes 20 us late. The generator's own lag, p99, is then some 100 us; a quarter of a millisecond where others use the
// machine as well.
//
// As a program: `bun bench/load/open-loop.ts --port 3000 --rate 5000 [--path /] [--ms 2000] [--connections 64] [--pid n]` prints the result as
// JSON. Exit code 0; 1 when an answer was wrong or the run broke off; 3 when the generator was itself saturated, so that the figures
// are its own. With --commands it takes runs as lines of JSON on stdin.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { cpuNanoseconds } from "./shared/cpu.ts";
import { OpenBook, type Percentiles, Schedule } from "./shared/open-book.ts";
import { OpenPool, type OpenServer } from "./shared/open-pool.ts";
import { runCommands } from "./shared/program.ts";
import { getRequest } from "./shared/request.ts";
import { type Saturation, saturationOf } from "./shared/saturation.ts";

/** A run. */
export interface OpenLoopCommand {
  readonly port: number;
  /** Process whose CPU time is read, 0 for none. */
  readonly serverPid: number;
  /** One HTTP request, whole, one character a byte. */
  readonly request: string;
  readonly connections: number;
  /** Requests a second, on all connections together. */
  readonly rate: number;
  /** Ms in which requests are timed. */
  readonly ms: number;
  /** Ms ahead of them under the same load: a server that was not asked for a while is slower at first. None where it is not given. */
  readonly leadMs?: number;
}

/** What came of it. */
export interface OpenLoopResult extends Percentiles {
  /** Those of the lead among them. */
  readonly answers: number;
  /** Answers that were not what they had to be, those that are not timed among them. */
  readonly wrong: number;
  /** Requests that no connection was free for when they were due: the server was behind. */
  readonly waited: number;
  readonly wallNs: number;
  readonly serverCpuNs: number;
  readonly generatorCpuNs: number;
  /** Share of the time in which the generator had something to do. */
  readonly busyShare: number;
  readonly saturated: Saturation;
}

/** Ms beyond the length of a run in which its last answer must come. */
const ANSWER_MS_MAX = 45_000;
const CONNECTIONS_MAX = 10_000;
const REQUESTS_MAX = 10_000_000;
/** A sleep ends this much ahead of the due time: about what waking up takes. */
const AHEAD_NS = 25_000;
/** Shortest sleep: a request may go out late by it, which is better than never giving up the core. */
const SLEEP_NS_MIN = 30_000;
/** Longest sleep: the event loop's own business, such as timers, is not kept waiting for longer. */
const SLEEP_NS_MAX = 1_000_000;
const POLLIN = 1;

const SATURATED_EXIT_CODE = 3;

/** Sleeps in the kernel until one of some sockets can be read, or time is up. */
class Sleeper {
  static readonly #libc = dlopen("libc.so.6", {
    ppoll: { args: [FFIType.ptr, FFIType.u64, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  });
  /** An array of `struct pollfd`: a descriptor, then the events in the low half of the second word. */
  readonly #sockets: Int32Array;
  /** A `struct timespec`: seconds, nanoseconds. */
  readonly #time = new BigInt64Array(2);

  constructor(fds: readonly number[]) {
    this.#sockets = Int32Array.from(fds.flatMap((fd) => [fd, POLLIN]));
    // Without it every sleep is 50 us longer than it was asked for.
    writeFileSync("/proc/self/timerslack_ns", "1");
  }

  sleep(ns: number): void {
    this.#time[1] = BigInt(Math.floor(ns));
    Sleeper.#libc.symbols.ppoll(ptr(this.#sockets), this.#sockets.length >> 1, ptr(this.#time), null);
  }
}

/** One run on open connections. */
class OpenRun {
  readonly #server: OpenServer;
  readonly #book: OpenBook;
  readonly #sleeper: Sleeper;
  readonly #ended = Promise.withResolvers<void>();
  #isRunning = true;
  /** Whether anything was sent or came since the last turn. */
  #worked = false;
  #turnedNs: number;
  idleNs = 0;

  constructor(server: OpenServer, schedule: Schedule, leadMs: number) {
    this.#server = server;
    this.#sleeper = new Sleeper(server.connections.map(({ fd }) => fd));
    this.#turnedNs = Bun.nanoseconds();
    this.#book = new OpenBook(schedule, server.connections.length, this.#turnedNs, leadMs * 1e6);
  }

  /** Runs to the end. @throws when a connection is lost. */
  async run(): Promise<OpenBook> {
    this.#server.listener = {
      answered: (number, atNs, wrong) => {
        this.#worked = true;
        this.#book.answered(number, atNs, wrong);
      },
      lost: (error) => this.fail(error),
    };
    this.#turn();
    await this.#ended.promise.finally(() => (this.#server.listener = null));
    return this.#book;
  }

  fail(error: Error): void {
    this.#isRunning = false;
    this.#ended.reject(error);
  }

  /** Once a round of the event loop: answers were read before it. */
  readonly #turn = (): void => {
    if (!this.#isRunning) return;
    const now = Bun.nanoseconds();
    if (!this.#worked) this.idleNs += now - this.#turnedNs;
    this.#turnedNs = now;
    this.#worked = false;
    this.#sendDue(now);
    if (this.#book.isDone) return this.#ended.resolve();
    this.#sleep();
    setImmediate(this.#turn);
  };

  #sendDue(now: number): void {
    for (let number = this.#book.send(now); number !== -1; number = this.#book.send(Bun.nanoseconds())) {
      this.#worked = true;
      this.#server.connections[number]?.send();
    }
  }

  #sleep(): void {
    const begun = Bun.nanoseconds();
    const leftNs = this.#book.nextDueNs - begun - AHEAD_NS;
    this.#sleeper.sleep(Math.min(SLEEP_NS_MAX, Math.max(SLEEP_NS_MIN, leftNs)));
    const slept = Bun.nanoseconds() - begun;
    // A turn with work counts as busy, but for its sleep.
    this.idleNs += slept;
    this.#turnedNs += slept;
  }
}

/** Runs an open loop; connections stay in `pool`. @throws when a connection is lost, or answers stay out. */
export async function runOpenLoop(command: OpenLoopCommand, pool: OpenPool): Promise<OpenLoopResult> {
  const { port, serverPid, request, connections, rate, ms, leadMs = 0 } = command;
  const schedule = new Schedule(rate, leadMs + ms);
  if (connections > CONNECTIONS_MAX || schedule.count > REQUESTS_MAX)
    throw new RangeError(`Cannot send ${schedule.count} requests on ${connections} connections: it is too much`);
  const server = await pool.open(port, request, connections);
  const wrongBefore = await server.warm();
  const serverCpu = serverPid === 0 ? 0 : cpuNanoseconds(serverPid);
  const ownCpu = process.cpuUsage();
  const begin = Bun.nanoseconds();
  const run = new OpenRun(server, schedule, leadMs);
  const endMs = leadMs + ms + ANSWER_MS_MAX;
  const late = setTimeout(() => run.fail(new Error("Cannot end the run: answers stay out")), endMs);
  const book = await run.run().finally(() => clearTimeout(late));
  const wallNs = Bun.nanoseconds() - begin;
  const { user, system } = process.cpuUsage(ownCpu);
  const serverCpuNs = serverPid === 0 ? 0 : cpuNanoseconds(serverPid) - serverCpu;
  const percentiles = book.percentiles();
  const busyShare = 1 - run.idleNs / wallNs;
  return {
    answers: book.answers,
    wrong: book.wrong + wrongBefore,
    waited: book.waited,
    wallNs,
    serverCpuNs,
    generatorCpuNs: (user + system) * 1000,
    busyShare,
    saturated: saturationOf(busyShare, percentiles.lagP99Us),
    ...percentiles,
  };
}

/** What the exit code of the program says of a run. */
export function exitCodeOf({ wrong, saturated }: Pick<OpenLoopResult, "wrong" | "saturated">): number {
  if (wrong > 0) return 1;
  return saturated === null ? 0 : SATURATED_EXIT_CODE;
}

async function start(): Promise<number> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      port: { ...text, default: "7000" },
      pid: { ...text, default: "0" },
      path: { ...text, default: "/" },
      connections: { ...text, default: "64" },
      rate: { ...text, default: "1000" },
      ms: { ...text, default: "2000" },
      commands: { type: "boolean", default: false },
    },
  });
  const pool = new OpenPool();
  if (values.commands) return runCommands((command: OpenLoopCommand) => runOpenLoop(command, pool));
  const result = await runOpenLoop(
    {
      port: Number(values.port),
      serverPid: Number(values.pid),
      request: getRequest(values.path),
      connections: Number(values.connections),
      rate: Number(values.rate),
      ms: Number(values.ms),
    },
    pool,
  );
  console.log(JSON.stringify(result));
  if (result.saturated !== null) console.error(`The generator was ${result.saturated}: the figures are its own`);
  return exitCodeOf(result);
}

if (import.meta.main) {
  process.exit(
    await start().catch((error: unknown) => {
      console.error((error as Error).message);
      return 1;
    }),
  );
}
