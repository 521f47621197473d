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

/** TLS did not come about on a connection that is there. `reason` is a code, such as `CERT_HAS_EXPIRED`. The connection is gone. */
export class TlsError extends MillraceError {
  override name = "TlsError";
  readonly reason: string;
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super("ERR_TLS", message, options);
    this.reason = reason;
  }
}

/** One address that `connect` has tried. */
export interface ConnectAttempt {
  /** As people read it: `192.0.2.1:443`. */
  readonly address: string;
  /** The system's error code. */
  readonly reason: string;
}

/** A connection could not be made. */
export class ConnectError extends MillraceError {
  override name = "ConnectError";
  /** What was to be connected to, as people read it: `example.org:443`. */
  readonly address: string;
  /**
   * The system's error code, such as `ECONNREFUSED`; `ETIMEDOUT` when the deadline passed; of TLS the one of its fault, such as
   * `CERT_HAS_EXPIRED`. With several attempts that of the first.
   */
  readonly reason: string;
  /** Each address that was tried, in order; none when the name was not found. */
  readonly attempts: readonly ConnectAttempt[];

  constructor(
    address: string,
    reason: string,
    state: string,
    attempts: readonly ConnectAttempt[],
    options?: ErrorOptions,
  ) {
    super("ERR_CONNECT", `Cannot connect to ${address}: ${state}`, options);
    this.address = address;
    this.reason = reason;
    this.attempts = attempts;
  }
}

/** The error of one address; what the system says of it is the `cause`. */
export function connectError(address: string, reason: string, cause?: unknown): ConnectError {
  const options = cause === undefined ? {} : { cause };
  return new ConnectError(address, reason, connectState(reason), [{ address, reason }], options);
}

/** A reason in words. */
export function connectState(reason: string): string {
  const words = CONNECT_STATES[reason];
  return words === undefined ? reason : `${words} (${reason})`;
}

const CONNECT_STATES: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRNOTAVAIL: "it is no address that can be connected to",
  EAGAIN: "too many connections wait there to be accepted",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host cannot be reached",
  EINVAL: "it is no address",
  ENETUNREACH: "the network cannot be reached",
  ENOENT: "there is no such path",
  ENOTFOUND: "nobody knows the name",
  ERR_OUT_OF_RANGE: "the port is no number from 0 to 65535",
  ETIMEDOUT: "no answer came",
};
