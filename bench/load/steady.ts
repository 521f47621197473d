// One good client at a fixed rate, to see what others do to it. The schedule is absolute and a latency is counted from the intended time, so
// that a server that stands still is charged for every request that was due meanwhile. Between two requests the process sleeps in the
// kernel and not on a timer of the event loop, whose milliseconds would be all that one sees. Every byte of every answer is checked.
// Takes commands as lines of JSON on stdin and answers each with a line.

import { quantile } from "../measure/statistics.ts";
import { Pattern } from "./shared/pattern.ts";
import { runCommands } from "./shared/program.ts";

/** A run of the good client. */
export interface SteadyCommand {
  readonly port: number;
  readonly request: string;
  /** Requests a second. */
  readonly rate: number;
  readonly ms: number;
}

/** What came of it. */
export interface SteadyResult {
  readonly answers: number;
  /** Answers that were not what they had to be. */
  readonly wrong: number;
  /** Microseconds from the intended time to the whole answer. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Microseconds by which the client itself woke up too late: a share of the latencies that is not the server's. */
  readonly lateP99Us: number;
}

/** Requests ahead of the first one that counts. */
const WARM_REQUESTS = 50;
/** Ms beyond the length of a run in which its last answer must come. */
const ANSWER_MS_MAX = 45_000;

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without the event loop until `atNs`; gives the time at which it woke. */
function sleepUntil(atNs: number): number {
  const leftNs = atNs - Bun.nanoseconds();
  if (leftNs > 0) Atomics.wait(cell, 0, 0, leftNs / 1e6);
  return Bun.nanoseconds();
}

/** One connection with at most one request under way. */
class SteadyConnection {
  readonly #request: Uint8Array;
  #socket: Bun.Socket | null = null;
  #pattern: Pattern | null = null;
  #came: Uint8Array = new Uint8Array(0);
  #waiting: PromiseWithResolvers<number> | null = null;
  wrong = 0;

  constructor(request: string) {
    this.#request = Buffer.from(request, "latin1");
  }

  async open(port: number): Promise<void> {
    this.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, chunk) => this.#data(chunk),
        close: () => this.#fail(new Error("Cannot go on: the connection of the good client was lost")),
        connectError: () => {},
        error: (_socket, error) => this.#fail(error),
      },
    });
  }

  /** Sends a request; gives the time at which its whole answer was there. @throws when the connection is lost. */
  async exchange(): Promise<number> {
    this.#waiting = Promise.withResolvers<number>();
    this.#socket?.write(this.#request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket?.terminate();
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
  }

  #data(chunk: Uint8Array): void {
    const now = Bun.nanoseconds();
    const came = this.#came.length === 0 ? chunk : Buffer.concat([this.#came, chunk]);
    this.#pattern ??= Pattern.learn(Buffer.from(came), 1);
    const whole = this.#pattern !== null && came.length >= this.#pattern.answerBytes;
    this.#came = whole ? new Uint8Array(0) : Uint8Array.from(came);
    if (!whole) return;
    this.wrong += came.length === this.#pattern?.answerBytes ? this.#pattern.wrongIn(came) : 1;
    this.#waiting?.resolve(now);
  }
}

/** Runs the good client. @throws when the connection is lost or answers stay out. */
export async function runSteady({ port, request, rate, ms }: SteadyCommand): Promise<SteadyResult> {
  const connection = new SteadyConnection(request);
  await connection.open(port);
  const late = Promise.withResolvers<never>();
  const watch = setTimeout(() => late.reject(new Error("Cannot end the run: answers stay out")), ms + ANSWER_MS_MAX);
  try {
    return await Promise.race([follow(connection, rate, ms), late.promise]);
  } finally {
    clearTimeout(watch);
    connection.close();
  }
}

async function follow(connection: SteadyConnection, rate: number, ms: number): Promise<SteadyResult> {
  for (let i = 0; i < WARM_REQUESTS; i++) await connection.exchange();
  const count = Math.max(1, Math.floor((rate * ms) / 1000));
  const latencies: number[] = [];
  const lags: number[] = [];
  const begin = Bun.nanoseconds();
  for (let i = 0; i < count; i++) {
    const intended = begin + (i * 1e9) / rate;
    const free = Bun.nanoseconds();
    const woken = sleepUntil(intended);
    latencies.push((await connection.exchange()) - intended);
    lags.push(woken - Math.max(free, intended));
  }
  const us = (values: readonly number[], q: number): number => Math.round(quantile(values, q) / 1000);
  return {
    answers: count,
    wrong: connection.wrong,
    p50Us: us(latencies, 0.5),
    p99Us: us(latencies, 0.99),
    maxUs: us(latencies, 1),
    lateP99Us: us(lags, 0.99),
  };
}

if (import.meta.main) await runCommands(runSteady);
