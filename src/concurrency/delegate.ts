// Base of delegating operations, those that run another one inside: single use is settled here, and foreign yields are passed through.

import { FRESH, type Operation, ranBefore, STARTED, usedAsValue } from "../core/operation.ts";
import { watch } from "../core/forgotten.ts";
import type { Stepper } from "../core/task.ts";

/** An operation whose steps are those of a generator, made when it is first run. */
export class Once<T> implements Operation<T> {
  readonly reason: string;
  readonly #make: () => Stepper<T>;
  #state: number = FRESH;

  constructor(reason: string, make: () => Stepper<T>) {
    this.reason = reason;
    this.#make = make;
    watch?.made(this);
  }

  get fresh(): boolean {
    return this.#state === FRESH;
  }

  /** @throws ProtocolError: an operation has no value before it is run. */
  toJSON(): never {
    throw usedAsValue(this.reason);
  }

  [Symbol.toPrimitive](): never {
    throw usedAsValue(this.reason);
  }

  [Symbol.iterator](): Stepper<T> {
    if (this.#state !== FRESH) throw ranBefore(this.reason);
    this.#state = STARTED;
    return this.#make();
  }
}
