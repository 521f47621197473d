// What the answers to one unit of requests to one server must be, whatever their framing: learnt from the first unit that is answered.

import { ChunkedPattern, isChunked } from "./chunked-pattern.ts";
import { Pattern } from "./pattern.ts";

/** What all connections to one server that send the same share. */
export interface Expectation {
  pattern: Pattern | ChunkedPattern | null;
}

/** Learns from the bytes that came first; `null` while they hold no whole answer. @throws for an answer that is none of the jobs'. */
export function learnPattern(bytes: Buffer, pipelining: number): Pattern | ChunkedPattern | null {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  if (!isChunked(bytes.toString("latin1", 0, headEnd))) return Pattern.learn(bytes, pipelining);
  if (pipelining > 1) throw new Error("Cannot use the answer as a pattern: answers in chunks are asked for one by one");
  return ChunkedPattern.learn(bytes);
}
