// Errors of HTTP exchanges. What a peer sent wrong is a `Rejection` (wire/rejection.ts), what we may not send an `UnsendableError`.

import { MillraceError } from "../core/errors.ts";

/** The client is gone: its request's handler is cancelled with this as the reason. */
export class ClientGoneError extends MillraceError {
  override name = "ClientGoneError";
  constructor(message: string) {
    super("ERR_HTTP_CLIENT_GONE", message);
  }
}

/** A request or its body was used after the request had been answered, or a body was read twice. */
export class RequestOverError extends MillraceError {
  override name = "RequestOverError";
  constructor(message: string) {
    super("ERR_HTTP_REQUEST_OVER", message);
  }
}

/** @internal The error for what was asked of a request that is over. */
export function requestOver(what: string): RequestOverError {
  return new RequestOverError(`Cannot read ${what} of the request: it has been answered`);
}

/** A streamed reply wrote more or fewer bytes than it had announced. */
export class BodyLengthError extends MillraceError {
  override name = "BodyLengthError";
  constructor(message: string) {
    super("ERR_HTTP_BODY_LENGTH", message);
  }
}
