// What an HTTP answer of known length must look like, learnt from the first one: its bytes but for the value of Date. That value must be a date
// of its form; it changes once a second, and the batch that is compared is then made anew. Answers in chunks are in chunked-pattern.ts.

import { DATE_BYTES, dateAt, isDate } from "./answer-head.ts";

/** The answers to one batch of requests. */
export class Pattern {
  /** Bytes of one answer. */
  readonly answerBytes: number;
  /** Bytes of a whole batch. */
  readonly batchBytes: number;
  /** Where the value of Date stands in an answer; -1 without one. */
  readonly #dateAt: number;
  readonly #batch: Buffer;

  private constructor(answer: Buffer, headBytes: number, pipelining: number) {
    this.answerBytes = answer.length;
    this.batchBytes = answer.length * pipelining;
    this.#dateAt = dateAt(answer.toString("latin1", 0, headBytes));
    this.#batch = Buffer.alloc(this.batchBytes, answer);
  }

  /** Learns from the bytes that came first; `null` while they hold no whole answer. @throws for an answer that is no 200 of known length. */
  static learn(bytes: Buffer, pipelining: number): Pattern | null {
    const headEnd = bytes.indexOf("\r\n\r\n");
    if (headEnd === -1) return null;
    const head = bytes.toString("latin1", 0, headEnd);
    const length = /\r\ncontent-length: (\d{1,9})(?:\r\n|$)/i.exec(head);
    if (!head.startsWith("HTTP/1.1 200 ") || length === null)
      throw new Error(`Cannot use the answer as a pattern: ${JSON.stringify(head.slice(0, 200))}`);
    const end = headEnd + 4 + Number(length[1]);
    return bytes.length < end ? null : new Pattern(bytes.subarray(0, end), headEnd, pipelining);
  }

  /** Whether `chunk` is, byte for byte and date for date, what the last batch had from `at` on. */
  continues(chunk: Uint8Array, at: number): boolean {
    const end = at + chunk.length;
    return end <= this.batchBytes && this.#batch.compare(chunk, 0, chunk.length, at, end) === 0;
  }

  /** A copy of the first `count` bytes of the last batch. */
  firstBytes(count: number): Buffer {
    return Buffer.from(this.#batch.subarray(0, count));
  }

  /** How many answers of a whole batch are not as they have to be. */
  wrongIn(batch: Uint8Array): number {
    if (this.#batch.equals(batch)) return 0;
    let wrong = 0;
    for (let at = 0; at < this.batchBytes; at += this.answerBytes) {
      if (!this.#matches(Buffer.from(batch.buffer, batch.byteOffset + at, this.answerBytes))) wrong++;
    }
    if (wrong === 0) this.#batch.fill(batch.subarray(this.batchBytes - this.answerBytes));
    return wrong;
  }

  #matches(answer: Buffer): boolean {
    const at = this.#dateAt;
    const expected = this.#batch;
    if (at === -1) return answer.equals(expected.subarray(0, this.answerBytes));
    const behind = at + DATE_BYTES;
    return (
      answer.subarray(0, at).equals(expected.subarray(0, at)) &&
      answer.subarray(behind).equals(expected.subarray(behind, this.answerBytes)) &&
      isDate(answer.toString("latin1", at, behind))
    );
  }
}
