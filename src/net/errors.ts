// Errors of sockets: the world's faults, apart from our own bugs (assert) and from misuse (core/errors.ts).

import { MillraceError } from "../core/errors.ts";

/** The connection broke: the peer reset it, or it vanished while bytes were still to be sent. */
export class ConnectionLostError extends MillraceError {
  override name = "ConnectionLostError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONNECTION_LOST", message, options);
  }
}

/** We closed the connection, or its write side, ourselves; the operation came too late. */
export class ConnectionClosedError extends MillraceError {
  override name = "ConnectionClosedError";
  constructor(message: string) {
    super("ERR_CONNECTION_CLOSED", message);
  }
}

/** The peer's stream ended in the middle of what `readExactly`, `readUntil` or `readLine` was reading. */
export class UnexpectedEndError extends MillraceError {
  override name = "UnexpectedEndError";
  constructor(message: string) {
    super("ERR_UNEXPECTED_END", message);
  }
}

/** A delimiter did not come within the bytes allowed. The bytes stay in the connection. */
export class LineTooLongError extends MillraceError {
  override name = "LineTooLongError";
  constructor(message: string) {
    super("ERR_LINE_TOO_LONG", message);
  }
}

/** An address cannot be listened at. `reason` is the system's error code, such as `EADDRINUSE`. */
export class ListenError extends MillraceError {
  override name = "ListenError";
  readonly reason: string;
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super("ERR_LISTEN", message, options);
    this.reason = reason;
  }
}

/** A connection could not be made. */
export class ConnectError extends MillraceError {
  override name = "ConnectError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONNECT", message, options);
  }
}
