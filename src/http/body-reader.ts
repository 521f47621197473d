// Reading a request body, chunk by chunk with backpressure: what is not read stays in the receive buffer, and above its mark the socket is
// paused.

import type { Operation } from "../core/operation.ts";
import type { Wait } from "../core/task.ts";
import { ReadingLeaf } from "../net/reading.ts";
import { OPEN } from "../net/conn-state.ts";
import { UnexpectedEndError } from "../net/errors.ts";
import type { Exchange } from "./exchange.ts";

/** The next piece of the body, as it came; `null` at its end. @throws Rejection, or UnexpectedEndError when the client left in the middle. */
export function readChunk(exchange: Exchange): Operation<Uint8Array | null> {
  return new BodyLeaf(exchange);
}

/** The whole body. Bounded by the body limit of the request. */
export function* readAll(exchange: Exchange): Generator<Wait, Uint8Array, unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let chunk: Uint8Array | null; (chunk = yield* readChunk(exchange)) !== null;) {
    chunks.push(chunk);
    size += chunk.length;
  }
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

class BodyLeaf extends ReadingLeaf<Uint8Array | null> {
  readonly #exchange: Exchange;
  #error: { thrown: unknown } | null = null;

  constructor(exchange: Exchange) {
    super(exchange.host.conn);
    this.#exchange = exchange;
    this.wanted = 1;
  }

  override get reason(): string {
    return `the request body on ${this.conn.describe()}`;
  }

  /** May be asked inside a socket callback, where nothing may be thrown: an error is kept for the task. */
  protected ready(): boolean {
    try {
      this.#exchange.beginBody();
      return this.#exchange.advance() || this.conn.input !== OPEN || this.conn.closing !== null;
    } catch (thrown) {
      this.#error ??= { thrown };
      return true;
    }
  }

  protected value(): Uint8Array | null {
    if (this.#error !== null) throw this.#error.thrown;
    const exchange = this.#exchange;
    if (exchange.dataLength > 0) return exchange.take();
    if (exchange.bodyOver) return null;
    this.conn.inputOver();
    throw new UnexpectedEndError(
      `Cannot read the request body on ${this.conn.describe()}: its input ended in the middle`,
    );
  }
}
