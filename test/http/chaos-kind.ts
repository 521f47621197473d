// What a kind of handler of the chaos run is: a path, a handler, and what follows from a request to it. Here is what the kinds share; they
// themselves stand in chaos-handlers.ts and chaos-fetch-handlers.ts.

import type { HandlerResult, HttpRequest, RouteOptions } from "../../src/http/index.ts";
import { type Ledger, pieceOf } from "./chaos-ledger.ts";

/** A request as far as its handler's answer follows from it. */
export interface Asked {
  readonly id: string;
  readonly method: string;
  readonly kind: Kind;
  readonly body: string;
  /** The body comes in chunks, with this trailer field behind it. */
  readonly chunked: boolean;
  readonly trailer: string | null;
  /** From 0 to AMOUNT_MAX. */
  readonly amount: number;
}

export const AMOUNT_MAX = 20;

/** What a client gets that is left in peace. A body of `null` is not looked at. One that `breaks` never comes whole. */
export interface Expected {
  readonly status: number;
  readonly body: string | null;
  readonly breaks?: boolean;
}

/** One kind of handler. */
export interface Kind {
  readonly path: string;
  /** Default: all of them. */
  readonly method?: string;
  readonly options?: RouteOptions;
  /** The answer needs the whole body: a body limit that is passed must show. */
  readonly readsAll?: boolean;
  /** The answer is too long for a network of tiny buffers. */
  readonly bulky?: boolean;
  /** `null` for a path without a route. */
  readonly answer: ((request: HttpRequest, ledger: Ledger) => HandlerResult) | null;
  readonly expected: (asked: Asked) => Expected;
}

// --- the request ---------------------------------------------------------------------------------------------------------------

/** Virtual ms that a slow handler takes for each of its amount. */
export const MS_PER_AMOUNT = 40;
/** Pieces of the longest streams. */
export const PIECES_MANY = 40;

export const idOf = (request: HttpRequest<object>): string => request.query.get("id") ?? "";
export const amountOf = (request: HttpRequest<object>): number => Number(request.query.get("amount"));

// --- the answer ----------------------------------------------------------------------------------------------------------------

/** The answer comes whole, with this body. */
export const whole =
  (body: (asked: Asked) => string, status = 200) =>
  (asked: Asked): Expected => ({ status, body: body(asked) });
/** The answer has this status, and whatever body. */
export const onlyStatus = (status: number) => (): Expected => ({ status, body: null });
/** HEAD is answered whole: nobody asks for the body that would break. */
export const broken =
  (body: (asked: Asked) => string) =>
  (asked: Asked): Expected =>
    asked.method === "HEAD" ? { status: 200, body: null } : { status: 200, body: body(asked), breaks: true };

export const itsId = whole(({ id }) => id);
export const itsIdAndBody = whole(({ id, body }) => `${id}:${body}`);
export const pieces = (count: number) => whole(({ id }) => pieceOf(id).repeat(count));
