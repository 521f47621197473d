// The body of a request for code that lives on promises: each piece is there at once, or comes as a promise. It stands in the reader slot of
// the conn as a parked leaf would, but belongs to no task: nothing of it is cancelled with the handler. So the exchange lets go of it when
// the request is over, and a promise that is still out then fails.

import { pulledStream } from "../../concurrency/web-streams.ts";
import { BusyError } from "../../core/errors.ts";
import type { Reader } from "../../net/conn-state.ts";
import { requestOver } from "../errors.ts";
import type { Exchange, PromisedBody } from "../exchange.ts";
import { Pieces } from "../pieces.ts";

/** Reads the body of one request. */
export class BodySource implements Reader, PromisedBody {
  readonly wanted = 1;
  readonly #exchange: Exchange;
  readonly #number: number;
  #pending: PromiseWithResolvers<Uint8Array | null> | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#number = exchange.number;
  }

  /** The next piece, `null` at the end; a promise of it while none is there. @throws Rejection, UnexpectedEndError, RequestOverError */
  next(): Uint8Array | null | Promise<Uint8Array | null> {
    const exchange = this.#exchange;
    if (exchange.number !== this.#number) throw requestOver("the body");
    const { conn } = exchange.host;
    exchange.beginBody();
    if (exchange.pieceIsDue()) return exchange.takePiece();
    if (conn.reader !== null)
      throw new BusyError(`Cannot read the request body on ${conn.describe()}: somebody is already reading`);
    this.#pending = Promise.withResolvers();
    conn.reader = this;
    exchange.promised = this;
    conn.wantMore();
    exchange.host.bodyAwaited();
    // Code on promises runs outside of callbacks: a turn must look at the clock that was set.
    conn.scheduler.nudge();
    return this.#pending.promise;
  }

  /** All that is left. */
  all(): Promise<Uint8Array> {
    const pieces = new Pieces();
    try {
      for (;;) {
        const piece = this.next();
        if (piece instanceof Promise) return this.#rest(pieces, piece);
        if (piece === null) return Promise.resolve(pieces.join());
        pieces.add(piece);
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }

  arrived(): void {
    let outcome: { piece: Uint8Array | null } | { thrown: unknown };
    try {
      if (!this.#exchange.pieceIsDue()) return;
      this.#leave();
      outcome = { piece: this.#exchange.takePiece() };
    } catch (thrown) {
      this.#leave();
      this.#exchange.host.bodyArrived(0);
      outcome = { thrown };
    }
    const pending = this.#pending as PromiseWithResolvers<Uint8Array | null>;
    this.#pending = null;
    if ("piece" in outcome) pending.resolve(outcome.piece);
    else pending.reject(outcome.thrown);
  }

  letGo(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#leave();
    this.#exchange.host.bodyArrived(0);
    this.#pending = null;
    // Whoever asked may have lost interest long ago.
    pending.promise.catch(() => {});
    pending.reject(requestOver("the body"));
  }

  #leave(): void {
    this.#exchange.host.conn.reader = null;
    this.#exchange.promised = null;
  }

  async #rest(pieces: Pieces, first: Promise<Uint8Array | null>): Promise<Uint8Array> {
    for (let piece = await first; piece !== null; piece = await this.next()) pieces.add(piece);
    return pieces.join();
  }
}

/** A stream of `source`. It reads a piece when one is asked for, and no earlier: what nobody reads stays with the client. */
export function bodyStream(source: BodySource): ReadableStream<Uint8Array> {
  return pulledStream(
    () => source.next(),
    // A read that is out would go on being timed, and take a piece for nobody.
    () => source.letGo(),
  );
}
