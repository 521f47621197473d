// What an HTTP answer in chunks must look like, learnt from the first one: its head but for the date, and its content. Where one chunk ends and
// the next begins is the server's affair, and may differ from answer to answer: the coding is taken off as the bytes come, and the
// content is compared where it lies. Nothing is gathered, so that a long answer costs a comparison and no copy.

import { ChunkedDecoder } from "../../../src/http/wire/chunked.ts";
import { DATA, END } from "../../../src/http/wire/outcome.ts";
import { maskDate } from "./answer-head.ts";

const LIMITS = {
  headBytesMax: 16 * 1024,
  fieldsMax: 100,
  targetBytesMax: 1024,
  trailerBytesMax: 1024,
  chunkExtensionBytesMax: 1024,
  bodyBytesMax: 64 * 1024 * 1024,
};
const HEAD_END = "\r\n\r\n";

/** An answer in chunks: its masked head, and its content. */
export class ChunkedPattern {
  readonly head: string;
  readonly content: Buffer;

  private constructor(head: string, content: Buffer) {
    this.head = head;
    this.content = content;
  }

  /** Learns from the bytes that came first; `null` while they hold no whole answer. @throws for an answer that is no 200 in chunks. */
  static learn(bytes: Buffer): ChunkedPattern | null {
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) return null;
    const head = bytes.toString("latin1", 0, headEnd);
    if (!head.startsWith("HTTP/1.1 200 ") || !isChunked(head))
      throw new Error(`Cannot use the answer as a pattern: ${JSON.stringify(head.slice(0, 200))}`);
    const decoder = newDecoder();
    const pieces: Buffer[] = [];
    for (let at = headEnd + HEAD_END.length; ; at += decoder.consumed) {
      const outcome = decoder.next(bytes, at, bytes.length);
      if (outcome === END) return new ChunkedPattern(maskDate(head), Buffer.concat(pieces));
      if (outcome !== DATA) return null;
      pieces.push(bytes.subarray(decoder.dataStart, decoder.dataEnd));
    }
  }
}

/** Whether an answer with this head comes in chunks. */
export function isChunked(head: string): boolean {
  return /\r\ntransfer-encoding: chunked(?:\r\n|$)/i.test(head);
}

/** Holds the answers on one connection against a pattern, chunk of input by chunk. */
export class ChunkedChecker {
  readonly #decoder = newDecoder();
  #pattern: ChunkedPattern | null = null;
  /** The head as far as it has come; `null` once it is over. */
  #head: string | null = "";
  #content = 0;
  #wrong = false;

  /** A new answer begins, which must be `pattern`. */
  begin(pattern: ChunkedPattern): void {
    this.#pattern = pattern;
    this.#head = "";
    this.#content = 0;
    this.#wrong = false;
    this.#decoder.reset(LIMITS.bodyBytesMax);
  }

  /**
   * Takes what came. `null` while the answer goes on; else whether it was right. Bytes behind its end answer nothing that was asked: it is wrong.
   * @throws when it breaks the rules of chunks: where it ends can no longer be known.
   */
  take(chunk: Buffer): boolean | null {
    let at = this.#head === null ? 0 : this.#takeHead(chunk);
    if (at === -1) return null;
    const { content } = this.#pattern as ChunkedPattern;
    const decoder = this.#decoder;
    for (;;) {
      const outcome = decoder.next(chunk, at, chunk.length);
      at += decoder.consumed;
      if (outcome === DATA) {
        const { dataStart, dataEnd } = decoder;
        const end = this.#content + dataEnd - dataStart;
        this.#wrong ||= end > content.length || content.compare(chunk, dataStart, dataEnd, this.#content, end) !== 0;
        this.#content = end;
      } else if (outcome === END) return !this.#wrong && this.#content === content.length && at === chunk.length;
      else return null;
    }
  }

  /** The offset behind the head; -1 while it goes on. */
  #takeHead(chunk: Buffer): number {
    const before = this.#head as string;
    const text = before + chunk.toString("latin1", 0, LIMITS.headBytesMax);
    const end = text.indexOf(HEAD_END);
    if (end === -1) {
      if (text.length > LIMITS.headBytesMax) throw new Error("Cannot go on: the head of an answer does not end");
      this.#head = text;
      return -1;
    }
    this.#head = null;
    this.#wrong = maskDate(text.slice(0, end)) !== this.#pattern?.head;
    return end + HEAD_END.length - before.length;
  }
}

function newDecoder(): ChunkedDecoder {
  const decoder = new ChunkedDecoder(LIMITS);
  decoder.reset(LIMITS.bodyBytesMax);
  return decoder;
}
