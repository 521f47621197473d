// The peer's fault, as the wire sees it: the bytes that came break a rule of RFC 9110 or RFC 9112, or a limit. The status is the answer
// that the connection should give before it closes; after a rejection no later byte of that connection is parsed, because its
// framing can no longer be trusted. Our own side's faults are not here (see unsendable.ts).

import { MillraceError } from "../../core/errors.ts";

/** The stable codes of a {@link Rejection}, one per rule that a peer can break. */
export type RejectionCode =
  | "ERR_HTTP_REQUEST_LINE"
  | "ERR_HTTP_METHOD"
  | "ERR_HTTP_TARGET"
  | "ERR_HTTP_TARGET_TOO_LONG"
  | "ERR_HTTP_VERSION"
  | "ERR_HTTP_FIELD"
  | "ERR_HTTP_FIELDS_TOO_MANY"
  | "ERR_HTTP_HEAD_TOO_LARGE"
  | "ERR_HTTP_HOST"
  | "ERR_HTTP_CONTENT_LENGTH"
  | "ERR_HTTP_TRANSFER_ENCODING"
  | "ERR_HTTP_FRAMING"
  | "ERR_HTTP_EXPECTATION"
  | "ERR_HTTP_BODY_TOO_LARGE"
  | "ERR_HTTP_CHUNK"
  | "ERR_HTTP_CHUNK_EXTENSION"
  | "ERR_HTTP_CHUNK_EXTENSIONS_TOO_LARGE"
  | "ERR_HTTP_TRAILER"
  | "ERR_HTTP_TRAILER_TOO_LARGE"
  | "ERR_HTTP_JSON"
  | "ERR_HTTP_METHOD_NOT_ALLOWED"
  | "ERR_HTTP_LENGTH_REQUIRED"
  | "ERR_HTTP_TIMEOUT"
  | "ERR_HTTP_MISDIRECTED"
  | "ERR_HTTP_CONTENT_TYPE"
  | "ERR_HTTP_FORM"
  | "ERR_HTTP_FORM_TOO_LARGE";

/** The statuses that bad input is answered with. */
export type RejectionStatus = 400 | 405 | 408 | 411 | 413 | 414 | 415 | 417 | 421 | 431 | 501 | 505;

/**
 * Thrown by the readers when a request breaks a rule or a limit: answer `status` and close.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { type Rejection, router, serveHttp, text } from "millrace/http";
 *
 * const handler = router([["GET", "/", () => text("welcome")]]);
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const onRejection = ({ status, code }: Rejection) => {
 *     console.log(status, code); // => 405, "ERR_HTTP_METHOD_NOT_ALLOWED"
 *   };
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`, { method: "DELETE" }));
 *   yield* race({ client, server: serveHttp(listener, handler, { onRejection }) });
 * }).promise;
 * ```
 */
export class Rejection extends MillraceError {
  override name = "Rejection";
  declare readonly code: RejectionCode;
  /** The status to answer with (RFC 9110 section 15). */
  readonly status: RejectionStatus;
  /** Which rule was broken, in a few words. It never holds the peer's bytes, so it may be logged or sent. */
  readonly reason: string;

  constructor(status: RejectionStatus, code: RejectionCode, reason: string, options?: ErrorOptions) {
    super(code, `Cannot accept the request: ${reason}`, options);
    this.status = status;
    this.reason = reason;
  }
}
