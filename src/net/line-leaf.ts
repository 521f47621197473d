// `conn.readLine()`: a leaf of its own beside those of reading.ts, because line protocols run it for each message; see line-reader.ts.

import { type ConnState, OPEN } from "./conn-state.ts";
import { LineTooLongError, UnexpectedEndError } from "./errors.ts";
import type { LineReader } from "./line-reader.ts";
import { ReadingLeaf } from "./reading.ts";

/** Reads one line. */
export class LineLeaf extends ReadingLeaf<string | null> {
  readonly #lines: LineReader;
  #max = 0;
  /** Bytes of the unread ones that have no LF; bytes before the LF that was found, -1 for none. */
  #searched = 0;
  #found = -1;

  constructor(conn: ConnState, lines: LineReader, max: number) {
    super(conn);
    this.#lines = lines;
    this.max = max;
  }

  /** Begins anew, with `max` bytes that may come before the LF: what a wait that was given up had found does not hold any more. */
  set max(max: number) {
    this.#max = max;
    this.wanted = max + 1;
    this.#searched = 0;
    this.#found = -1;
  }

  protected ready(): boolean {
    const { conn } = this;
    if (this.#found === -1) {
      this.#found = this.#lines.find(this.#searched);
      if (this.#found === -1) this.#searched = conn.received.size;
    }
    return this.#found !== -1 || conn.received.size >= this.wanted || conn.input !== OPEN || conn.closing !== null;
  }

  protected value(): string | null {
    const { conn } = this;
    // The conn may have been closed since, and its buffer dropped.
    const found = this.#found < conn.received.size ? this.#found : -1;
    if (found !== -1 && found <= this.#max) {
      const line = this.#lines.take(found);
      conn.consumed();
      return line;
    }
    const { size } = conn.received;
    if (found !== -1 || size >= this.wanted)
      throw new LineTooLongError(`Cannot read a line from ${conn.describe()}: none within ${this.#max} bytes`);
    if (conn.inputOver() && size === 0) return null;
    throw new UnexpectedEndError(
      `Cannot read a line from ${conn.describe()}: its input ended after ${size} bytes without one`,
    );
  }
}
