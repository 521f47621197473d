// A burst of load over connections that are already open: closed loop (each connection sends again when its answer has come), or at a fixed
// offered rate (the connection that has been free for longest sends what is due, so that all of them have their turn). The window begins with
// every connection silent and ends when all answers are in, so that the CPU time read at both ends belongs to exactly the answers counted.

import { RingBuffer } from "../../../src/core/ring-buffer.ts";
import { cpuNanoseconds, kernelNanoseconds } from "./cpu.ts";

/** What a burst is asked to do. */
export interface Burst {
  readonly port: number;
  /** Process whose CPU time is read, 0 for none. */
  readonly serverPid: number;
  readonly connections: number;
  /** Ms in which new requests are sent. */
  readonly ms: number;
  /** One HTTP request, whole; the echo and the line generator have messages of their own. */
  readonly request: string;
  /** Further requests, sent in turn with the first: each connection begins elsewhere. */
  readonly others?: readonly string[];
  /** Requests that a connection sends at once; it waits for all their answers. */
  readonly pipelining: number;
  /** Requests a second offered by all connections together; 0 = closed loop. */
  readonly rate: number;
}

/** What came of it. */
export interface BurstResult {
  readonly answers: number;
  /** Answers that were not what they had to be. */
  readonly wrong: number;
  readonly wallNs: number;
  readonly serverCpuNs: number;
  /** The kernel's part of it, which is sampled: see cpu.ts. Sums over many bursts tell something, one alone does not. */
  readonly serverKernelNs?: number;
  /** CPU time of the generator itself in the same window. */
  readonly generatorCpuNs: number;
}

/** One open connection of a generator. */
export interface LoadConnection {
  /** Sends one unit, of `pipelining` requests; the answer is told to the driver. */
  send(): void;
}

/** Ms after the end of a burst in which the last answers must come. */
const ANSWER_MS_MAX = 10_000;

/** Runs one burst; connections tell it of their answers. */
export class BurstDriver {
  readonly #burst: Burst;
  readonly #connections: readonly LoadConnection[];
  readonly #idle = new RingBuffer<LoadConnection>(64);
  readonly #finished = Promise.withResolvers<void>();
  #running = true;
  #outstanding = 0;
  #answers = 0;
  #wrong = 0;
  #sent = 0;

  constructor(burst: Burst, connections: readonly LoadConnection[]) {
    this.#burst = burst;
    this.#connections = connections;
  }

  /** Runs the burst to its end. @throws when answers stay out. */
  async run(): Promise<BurstResult> {
    const { serverPid, ms, rate } = this.#burst;
    const late = setTimeout(() => this.fail(new Error("Cannot end the burst: answers stay out")), ms + ANSWER_MS_MAX);
    const serverCpu = serverPid === 0 ? 0 : cpuNanoseconds(serverPid);
    const serverKernel = serverPid === 0 ? 0 : kernelNanoseconds(serverPid);
    const ownCpu = process.cpuUsage();
    const begin = Bun.nanoseconds();
    if (rate === 0) for (const connection of this.#connections) this.#send(connection);
    else this.#pace(begin);
    setTimeout(() => this.#stop(), ms);
    await this.#finished.promise;
    const wallNs = Bun.nanoseconds() - begin;
    const { user, system } = process.cpuUsage(ownCpu);
    clearTimeout(late);
    return {
      answers: this.#answers,
      wrong: this.#wrong,
      wallNs,
      serverCpuNs: serverPid === 0 ? 0 : cpuNanoseconds(serverPid) - serverCpu,
      serverKernelNs: serverPid === 0 ? 0 : kernelNanoseconds(serverPid) - serverKernel,
      generatorCpuNs: (user + system) * 1000,
    };
  }

  /** The whole answer to the last unit of `connection` has come; `wrong` of its parts were not as they had to be. */
  answered(connection: LoadConnection, wrong: number): void {
    this.#answers += this.#burst.pipelining;
    this.#wrong += wrong;
    this.#outstanding--;
    if (!this.#running) {
      if (this.#outstanding === 0) this.#finished.resolve();
    } else if (this.#burst.rate === 0) this.#send(connection);
    else this.#idle.push(connection);
  }

  /** The burst cannot go on. */
  fail(error: Error): void {
    this.#running = false;
    this.#finished.reject(error);
  }

  #send(connection: LoadConnection): void {
    this.#outstanding++;
    this.#sent += this.#burst.pipelining;
    connection.send();
  }

  /** Sends what is due by the schedule and looks again a millisecond later. What finds no free connection goes out late, never twice. */
  #pace(begin: number): void {
    for (const connection of this.#connections) this.#idle.push(connection);
    const tick = (): void => {
      if (!this.#running) return;
      const due = ((Bun.nanoseconds() - begin) / 1e9) * this.#burst.rate;
      while (this.#sent < due) {
        const connection = this.#idle.shift();
        if (connection === undefined) break;
        this.#send(connection);
      }
      setTimeout(tick, 1);
    };
    tick();
  }

  #stop(): void {
    this.#running = false;
    if (this.#outstanding === 0) this.#finished.resolve();
  }
}
