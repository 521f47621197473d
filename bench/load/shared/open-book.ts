// The book of an open-loop run: which request is due when, on which connection it goes out, and how long it took. The schedule is absolute, so
// nothing that is late makes anything after it late, and a latency counts from the time at which a request was due: a server that
// stands still is charged for all that was due meanwhile. What is the generator's own lateness is booked apart. No clock and no socket in it:
// times are given, in nanoseconds, and connections are numbers.

import { quantile } from "../../measure/statistics.ts";
import { type Histogram, histogramOf } from "./histogram.ts";

/** Requests at even distances, the first one at once. */
export class Schedule {
  /** Requests in all: at least one. */
  readonly count: number;
  readonly #rate: number;

  /** @throws RangeError for a rate or a time that is not above 0. */
  constructor(rate: number, ms: number) {
    if (!(rate > 0 && ms > 0)) throw new RangeError(`Cannot make a schedule: ${rate} requests/s for ${ms} ms`);
    this.#rate = rate;
    this.count = Math.max(1, Math.floor((rate * ms) / 1000));
  }

  /** When request `index` is due, counted from the begin. */
  dueNs(index: number): number {
    return (index * 1e9) / this.#rate;
  }
}

/** What the book says in the end: microseconds, from the due time to the whole answer. */
export interface Percentiles {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Microseconds from when a request could have gone out (it was due and a connection free) to when it did: the generator's own part. */
  readonly lagP99Us: number;
  readonly lagMaxUs: number;
  /** All latencies, for percentiles over several runs. */
  readonly histogram: Histogram;
}

/** Who waits for what in one run. */
export class OpenBook {
  readonly #schedule: Schedule;
  readonly #beginNs: number;
  /** What is due before is sent and answered, but not timed. */
  readonly #timedFromNs: number;
  /** Free connections, first in, first out: all of them are used in turn. */
  readonly #free: number[];
  #freeAt = 0;
  #freeCount: number;
  /** Since when each connection is free. */
  readonly #freeSinceNs: Float64Array;
  /** The due time of what each connection waits for. */
  readonly #dueNs: Float64Array;
  readonly #latenciesNs: number[] = [];
  readonly #lagsNs: number[] = [];
  #sent = 0;
  #answered = 0;
  /** Requests, of those that are timed, that no connection was free for when they were due. */
  waited = 0;
  wrong = 0;

  /** `leadNs`: of the run, from its begin, in which nothing is timed. */
  constructor(schedule: Schedule, connections: number, beginNs: number, leadNs = 0) {
    this.#schedule = schedule;
    this.#beginNs = beginNs;
    this.#timedFromNs = beginNs + leadNs;
    this.#free = Array.from({ length: connections }, (_, i) => i);
    this.#freeCount = connections;
    this.#freeSinceNs = new Float64Array(connections).fill(beginNs);
    this.#dueNs = new Float64Array(connections);
  }

  /** Requests under way. */
  get outstanding(): number {
    return this.#sent - this.#answered;
  }

  get answers(): number {
    return this.#answered;
  }

  /** Whether every request was sent and answered. */
  get isDone(): boolean {
    return this.#answered === this.#schedule.count;
  }

  /** When the next request is due; `Infinity` when all are sent. */
  get nextDueNs(): number {
    return this.#sent === this.#schedule.count ? Infinity : this.#beginNs + this.#schedule.dueNs(this.#sent);
  }

  /** Takes out the connection on which a request has to go out at `nowNs`; -1 while none is due, or no connection is free. */
  send(nowNs: number): number {
    const dueNs = this.nextDueNs;
    if (dueNs > nowNs || this.#freeCount === 0) return -1;
    const connection = this.#free[this.#freeAt] as number;
    this.#freeAt = (this.#freeAt + 1) % this.#free.length;
    this.#freeCount--;
    this.#sent++;
    this.#dueNs[connection] = dueNs;
    if (dueNs < this.#timedFromNs) return connection;
    const freeNs = this.#freeSinceNs[connection] as number;
    if (freeNs > dueNs) this.waited++;
    this.#lagsNs.push(nowNs - Math.max(dueNs, freeNs));
    return connection;
  }

  /** The whole answer on `connection` was there at `nowNs`; `wrong`: it was not what it had to be. */
  answered(connection: number, nowNs: number, wrong: boolean): void {
    const dueNs = this.#dueNs[connection] as number;
    this.#answered++;
    if (dueNs >= this.#timedFromNs) this.#latenciesNs.push(nowNs - dueNs);
    if (wrong) this.wrong++;
    this.#freeSinceNs[connection] = nowNs;
    this.#free[(this.#freeAt + this.#freeCount) % this.#free.length] = connection;
    this.#freeCount++;
  }

  /** @throws RangeError before the first answer that is timed. */
  percentiles(): Percentiles {
    const latency = (q: number): number => tenths(quantile(this.#latenciesNs, q));
    const lag = (q: number): number => tenths(quantile(this.#lagsNs, q));
    return {
      p50Us: latency(0.5),
      p90Us: latency(0.9),
      p99Us: latency(0.99),
      p999Us: latency(0.999),
      maxUs: latency(1),
      lagP99Us: lag(0.99),
      lagMaxUs: lag(1),
      histogram: histogramOf(this.#latenciesNs.map((ns) => ns / 1000)),
    };
  }
}

const tenths = (ns: number): number => Math.round(ns / 100) / 10;
