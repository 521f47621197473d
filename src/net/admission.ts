// Who gets in at a listener: so many connections at once, so many a second. What is too many is refused at once and counted, for a queue that only
// grows helps nobody, and Bun spins at full CPU when file descriptors run out. The rate is a token bucket: it fills steadily up to the
// burst, and each connection takes one out.

import { CONNECTIONS_MAX } from "../config.ts";
import type { Scheduler } from "../core/scheduler.ts";

/** Limits of a listener. */
export interface AdmissionOptions {
  /** Connections open at once; one more is refused with a reset. Default 10,000. */
  readonly connectionsMax?: number;
  /** Connections a second, over time; one more is refused with a reset. Default: no limit. */
  readonly acceptsPerSecondMax?: number;
  /** Connections that may come at once after a pause, above the rate. Default: those of one second, at least one. */
  readonly acceptsBurstMax?: number;
}

/** Connections that were refused, by reason. */
export interface Refusals {
  /** `connectionsMax` were open. */
  connectionsMax: number;
  /** They came faster than `acceptsPerSecondMax`. */
  rate: number;
  /** The accept queue was full. */
  queue: number;
  /** The listener was closed while they were on their way in. */
  closed: number;
}

/** The limits of one listener, and what they have let in. */
export class Admission {
  readonly connectionsMax: number;
  open = 0;
  readonly refusals: Refusals = { connectionsMax: 0, rate: 0, queue: 0, closed: 0 };
  readonly #scheduler: Scheduler;
  // In thousandths of a connection: a rate adds whole numbers of them each ms, and sums of whole numbers are exact.
  readonly #thousandthsPerMs: number;
  readonly #thousandthsMax: number;
  #thousandths: number;
  #filledAt = 0;

  constructor(scheduler: Scheduler, options: AdmissionOptions) {
    const { connectionsMax = CONNECTIONS_MAX, acceptsPerSecondMax: rate = Number.POSITIVE_INFINITY } = options;
    this.connectionsMax = connectionsMax;
    this.#scheduler = scheduler;
    this.#thousandthsPerMs = rate;
    this.#thousandthsMax = (options.acceptsBurstMax ?? Math.max(1, rate)) * 1_000;
    this.#thousandths = this.#thousandthsMax;
    if (this.#isLimited) this.#filledAt = scheduler.now();
  }

  /** Lets one more in and counts it as open, or gives false and counts why not. */
  admit(): boolean {
    const { refusals } = this;
    if (this.open >= this.connectionsMax) refusals.connectionsMax++;
    else if (!this.#takeToken()) refusals.rate++;
    else {
      this.open++;
      return true;
    }
    return false;
  }

  get refused(): number {
    const { connectionsMax, rate, queue, closed } = this.refusals;
    return connectionsMax + rate + queue + closed;
  }

  get #isLimited(): boolean {
    return this.#thousandthsPerMs !== Number.POSITIVE_INFINITY;
  }

  #takeToken(): boolean {
    if (!this.#isLimited) return true;
    const now = this.#scheduler.now();
    const filled = this.#thousandths + (now - this.#filledAt) * this.#thousandthsPerMs;
    this.#thousandths = Math.min(this.#thousandthsMax, filled);
    this.#filledAt = now;
    if (this.#thousandths < 1_000) return false;
    this.#thousandths -= 1_000;
    return true;
  }
}

/** @throws RangeError for a limit that is none. */
export function assertAdmission(options: AdmissionOptions): void {
  const { connectionsMax, acceptsPerSecondMax, acceptsBurstMax } = options;
  assertLimit("connectionsMax", connectionsMax, connectionsMax === undefined || connectionsMax >= 0);
  assertLimit("acceptsPerSecondMax", acceptsPerSecondMax, acceptsPerSecondMax === undefined || acceptsPerSecondMax > 0);
  assertLimit("acceptsBurstMax", acceptsBurstMax, acceptsBurstMax === undefined || acceptsBurstMax >= 1);
  if (acceptsBurstMax !== undefined && acceptsPerSecondMax === undefined)
    throw new RangeError("Cannot listen with acceptsBurstMax: it means nothing without acceptsPerSecondMax");
}

function assertLimit(name: string, value: number | undefined, holds: boolean): void {
  if (!holds) throw new RangeError(`Cannot listen with ${name} of ${String(value)}: no connection would get in`);
}
