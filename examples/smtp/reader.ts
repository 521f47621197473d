// Finds command lines and mail in what a client sends (RFC 5321). Bytes in, lines and pieces of mail out, no I/O: `push` a chunk, then call `line` or `data`
// until more is needed.
//
// A line ends with CR LF and with nothing else, and mail with the line of a lone dot between two of them. Readers that let a lone LF pass for an end of
// line disagree with others about where a mail ends, and what stands behind it is then a command to one and text to the other: a mail smuggled past
// whatever checks were made (2023, VU#302671). Here lone CRs and LFs end nothing, and whatever holds one is refused.
//
// What is held is bounded by the longest line: longer ones are thrown away as they come.

import type { MailBody } from "./mail-body.ts";

/** Bytes of a command, its CR LF included: RFC 5321 asks for 512, its extensions for some more. */
export const COMMAND_BYTES_MAX = 1_024;
/** Bytes of a line of mail, its CR LF included and a stuffed dot not counted: section 4.5.3.1.6. */
export const TEXT_LINE_BYTES_MAX = 1_000;

const LF = 10;
const CR = 13;
const NUL = 0;
const DOT = 46;
const NOTHING = new Uint8Array(0);

/** A line that is no command, whatever it says. It has been taken; what stands behind it can be read, unless the fault is fatal. */
export class LineFault extends Error {
  /** Nobody can say where the line ends. */
  readonly isFatal: boolean;

  constructor(message: string, isFatal = false) {
    super(message);
    this.isFatal = isFatal;
  }
}

/** Reads what one client sends. */
export class SmtpReader {
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  /** The beginning of the line under way is gone: it was too long, or held a lone LF. */
  #isTorn = false;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /** Bytes that have come and are not read yet. */
  get size(): number {
    return this.#bytes.length - this.#at;
  }

  /** Takes what has come. The chunk belongs to the reader from now on. */
  push(chunk: Uint8Array): void {
    // What is left is less than a line: no more than that is ever copied again.
    this.#bytes = this.size === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next command, without its CR LF; `null` when its end has not come yet. @throws LineFault */
  line(): string | null {
    const bytes = this.#bytes;
    const start = this.#at;
    const end = bytes.indexOf(LF, start);
    if (end === -1) {
      if (this.size > COMMAND_BYTES_MAX) this.#tear();
      return null;
    }
    this.#at = end + 1;
    // Neither an end, or what somebody has put into an argument would be a command, nor to be waited behind: people type LFs.
    if (end === start || bytes[end - 1] !== CR) throw new LineFault("a line ends with CR LF", true);
    const isTorn = this.#isTorn;
    this.#isTorn = false;
    if (isTorn || end + 1 - start > COMMAND_BYTES_MAX)
      throw new LineFault(`a command has at most ${COMMAND_BYTES_MAX} bytes`);
    const text = bytes.subarray(start, end - 1);
    if (text.includes(CR)) throw new LineFault("a command holds no lone CR");
    if (text.includes(NUL)) throw new LineFault("a command holds no NUL");
    try {
      return this.#decoder.decode(text);
    } catch {
      throw new LineFault("a command is ASCII or UTF-8");
    }
  }

  /** Gives lines of mail to `body`, and tells whether the last one has come. What is wrong with them is told to `body`. */
  data(body: MailBody): boolean {
    const bytes = this.#bytes;
    for (;;) {
      let start = this.#at;
      const end = bytes.indexOf(LF, start);
      if (end === -1) {
        if (this.size > TEXT_LINE_BYTES_MAX + 1) {
          body.fail("line");
          this.#tear();
        }
        return false;
      }
      this.#at = end + 1;
      if (end === start || bytes[end - 1] !== CR) {
        // The line goes on behind it.
        body.fail("bare");
        this.#isTorn = true;
        continue;
      }
      const isWhole = !this.#isTorn;
      this.#isTorn = false;
      if (isWhole && bytes[start] === DOT) {
        if (end - start === 2) return true;
        start++;
      }
      if (bytes.indexOf(CR, start) !== end - 1) body.fail("bare");
      if (end + 1 - start > TEXT_LINE_BYTES_MAX) body.fail("line");
      body.add(bytes, start, end + 1);
    }
  }

  /** Lets go of a line that is too long, but for its last byte, which may be a CR. */
  #tear(): void {
    this.#isTorn = true;
    this.#at = this.#bytes.length - 1;
  }
}
