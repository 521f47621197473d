// How fast one may speak: a bucket of tokens, one a line, that fills with time. Who has none waits for the next one, and as it does not read
// meanwhile, what its client sends piles up at the client.

import { now, sleep, type Steps } from "millrace";

/** So many lines at once, and then so many a second. */
export class Pace {
  readonly #burst: number;
  readonly #msPerLine: number;
  #tokens: number;
  #at: number = now();

  constructor(burst: number, linesPerSecond: number) {
    this.#burst = this.#tokens = burst;
    this.#msPerLine = 1_000 / linesPerSecond;
  }

  /** Takes a token; parks until there is one. */
  *take(): Steps<void> {
    const at = now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (at - this.#at) / this.#msPerLine) - 1;
    this.#at = at;
    if (this.#tokens < 0) yield* sleep(-this.#tokens * this.#msPerLine);
  }
}
