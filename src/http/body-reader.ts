// Reading a request body, chunk by chunk with backpressure: what is not read stays in the receive buffer, and above its mark the socket is
// paused.

import type { Operation } from "../core/operation.ts";

import { ReadingLeaf } from "../net/reading.ts";
import { RequestOverError, requestOver } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { Pieces } from "./pieces.ts";
import { Rejection } from "./wire/rejection.ts";
import type { Task, Wait } from "../core/task.ts";

/**
 * The next piece of the body, as it came; `null` at its end.
 * @throws Rejection, UnexpectedEndError when the client left in the middle, RequestOverError once the request was answered.
 */
export function readChunk(exchange: Exchange): Operation<Uint8Array | null> {
  return new BodyLeaf(exchange, exchange.number);
}

/** The whole body, or what is left of it. Bounded by the body limit of the request. @throws RequestOverError when it was read before. */
export function* readAll(exchange: Exchange, number: number): Generator<Wait, Uint8Array, unknown> {
  if (exchange.number === number && exchange.bodyRead)
    throw new RequestOverError("Cannot read the body of the request: it was read before");
  const pieces = new Pieces();
  for (let chunk: Uint8Array | null; (chunk = yield* new BodyLeaf(exchange, number)) !== null;) pieces.add(chunk);
  return pieces.join();
}

/** The whole body as UTF-8. @throws as {@link readAll} */
export function* readText(exchange: Exchange, number: number): Generator<Wait, string, unknown> {
  return new TextDecoder().decode(yield* readAll(exchange, number));
}

/** The whole body as JSON. @throws Rejection (400) when it is none; otherwise as {@link readAll} */
export function* readJson(exchange: Exchange, number: number): Generator<Wait, unknown, unknown> {
  const body = yield* readText(exchange, number);
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new Rejection(400, "ERR_HTTP_JSON", "the body is no JSON", { cause });
  }
}

class BodyLeaf extends ReadingLeaf<Uint8Array | null> {
  readonly #exchange: Exchange;
  /** Of the request that the leaf was made for: it must not read from the next. */
  readonly #number: number;
  #error: { thrown: unknown } | null = null;

  constructor(exchange: Exchange, number: number) {
    super(exchange.host.conn);
    this.#exchange = exchange;
    this.#number = number;
    this.wanted = 1;
  }

  override get reason(): string {
    return `the request body on ${this.conn.describe()}`;
  }

  override park(task: Task): void {
    super.park(task);
    if (this.conn.reader === this) this.#exchange.host.bodyAwaited();
  }

  override unpark(): boolean {
    this.#exchange.host.bodyArrived(0);
    return super.unpark();
  }

  /** May be asked inside a socket callback, where nothing may be thrown: an error is kept for the task. */
  protected ready(): boolean {
    try {
      if (this.#exchange.number !== this.#number) throw requestOver("the body");
      this.#exchange.beginBody();
      return this.#exchange.pieceIsDue();
    } catch (thrown) {
      this.#error ??= { thrown };
      return true;
    }
  }

  protected value(): Uint8Array | null {
    if (this.#error === null) return this.#exchange.takePiece();
    this.#exchange.host.bodyArrived(0);
    throw this.#error.thrown;
  }
}
