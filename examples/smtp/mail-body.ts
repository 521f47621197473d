// A mail on its way in: its bytes in one piece that grows, and what is wrong with it. A mail that is refused in the end is held no longer from the moment
// on in which that is known. All mails that are under way share one allowance of memory, so many clients cannot hold more than that together.

/** Why a mail is refused: it is too large, has a line that is too long, holds a lone CR or LF, or there is no room for it now. */
export type MailFault = "size" | "line" | "bare" | "room";

/** Memory that may be taken. */
export interface Allowance {
  bytes: number;
}

const FIRST_BYTES = 4 * 1024;

/** One mail. Must be disposed of: what it holds goes back to the allowance. */
export class MailBody implements Disposable {
  /** Bytes that have come, those of a mail that is refused included. */
  size = 0;
  fault: MailFault | null = null;
  readonly #sizeMax: number;
  readonly #allowance: Allowance;
  #bytes = new Uint8Array(0);

  constructor(sizeMax: number, allowance: Allowance) {
    this.#sizeMax = sizeMax;
    this.#allowance = allowance;
  }

  /** Appends a line, from `start` to `end` in `source`. */
  add(source: Uint8Array, start: number, end: number): void {
    const before = this.size;
    this.size += end - start;
    if (this.size > this.#sizeMax) this.fail("size");
    if (this.fault !== null || (this.size > this.#bytes.length && !this.#grow())) return;
    this.#bytes.set(source.subarray(start, end), before);
  }

  /** The first fault counts. */
  fail(fault: MailFault): void {
    this.fault ??= fault;
    this.#hold(new Uint8Array(0));
  }

  /** A copy of the mail, which is as long as it has to be. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.size);
  }

  [Symbol.dispose](): void {
    this.#hold(new Uint8Array(0));
  }

  #grow(): boolean {
    const wanted = Math.min(Math.max(FIRST_BYTES, this.size * 2), this.#sizeMax);
    if (wanted - this.#bytes.length > this.#allowance.bytes) {
      this.fail("room");
      return false;
    }
    const grown = new Uint8Array(wanted);
    grown.set(this.#bytes);
    this.#hold(grown);
    return true;
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    this.#allowance.bytes += this.#bytes.length - bytes.length;
    this.#bytes = bytes;
  }
}
