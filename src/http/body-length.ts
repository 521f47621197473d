// Holding a streamed body to the length that its reply announced: the head is out, and only as many bytes frame the answer.

import { BodyLengthError } from "./errors.ts";

/** What is still to come of one body. */
export class AnnouncedLength {
  #missing: number;

  /** `length` in bytes, -1 when nothing is announced: then any length is right. */
  constructor(length: number) {
    this.#missing = length < 0 ? Number.POSITIVE_INFINITY : length;
  }

  /** Counts `bytes` that are about to be accepted. @throws BodyLengthError when they are more than is missing; then none count */
  admit(bytes: number): void {
    const excess = bytes - this.#missing;
    if (excess > 0) throw new BodyLengthError(`Cannot write the body: it is ${excess} bytes longer than announced`);
    this.#missing -= bytes;
  }

  /** The body has ended. @throws BodyLengthError when it is shorter than announced */
  end(): void {
    if (this.#missing > 0 && this.#missing !== Number.POSITIVE_INFINITY)
      throw new BodyLengthError(`Cannot end the body: ${this.#missing} bytes that were announced are missing`);
  }
}
