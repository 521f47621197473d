// Errors of sockets: the world's faults, apart from our own bugs (assert) and from misuse (core/errors.ts).

import { MillraceError } from "../core/errors.ts";

/**
 * The connection broke: the peer reset it, or it vanished while bytes were still to be sent.
 *
 * @example
 * ```ts
 * import { connect, ConnectionLostError, sleep } from "millrace";
 * import { SimPeer, Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const server = SimPeer.listen(world.host, { port: 7000 });
 * const reading = world.run(function* () {
 *   using conn = yield* connect({ port: 7000 });
 *   yield* sleep(10);
 *   server.peers[0]?.reset();
 *   yield* conn.read();
 * });
 * await reading.catch((error: unknown) => console.log(error instanceof ConnectionLostError)); // => true
 * ```
 */
export class ConnectionLostError extends MillraceError {
  override name = "ConnectionLostError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONNECTION_LOST", message, options);
  }
}

/**
 * We closed the connection, or its write side, ourselves; the operation came too late.
 *
 * @example
 * ```ts
 * import { ConnectionClosedError, connect, listen } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * const writing = simulate(function* () {
 *   using _listener = yield* listen({ port: 7000 });
 *   using conn = yield* connect({ port: 7000 });
 *   yield* conn.end();
 *   yield* conn.write("one thing more");
 * });
 * await writing.catch((error: unknown) => console.log(error instanceof ConnectionClosedError)); // => true
 * ```
 */
export class ConnectionClosedError extends MillraceError {
  override name = "ConnectionClosedError";
  constructor(message: string) {
    super("ERR_CONNECTION_CLOSED", message);
  }
}

/**
 * The peer's stream ended in the middle of what `readExactly`, `readUntil` or `readLine` was reading.
 *
 * @example
 * ```ts
 * import { connect, sleep, UnexpectedEndError } from "millrace";
 * import { SimPeer, Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const server = SimPeer.listen(world.host, { port: 7000 });
 * const reading = world.run(function* () {
 *   using conn = yield* connect({ port: 7000 });
 *   yield* sleep(10);
 *   server.peers[0]?.send("half a li");
 *   server.peers[0]?.shutdown();
 *   yield* conn.readLine();
 * });
 * await reading.catch((error: unknown) => console.log(error instanceof UnexpectedEndError)); // => true
 * ```
 */
export class UnexpectedEndError extends MillraceError {
  override name = "UnexpectedEndError";
  constructor(message: string) {
    super("ERR_UNEXPECTED_END", message);
  }
}

/**
 * A delimiter did not come within the bytes allowed. The bytes stay in the connection.
 *
 * @example
 * ```ts
 * import { connect, LineTooLongError, sleep } from "millrace";
 * import { SimPeer, Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const server = SimPeer.listen(world.host, { port: 7000 });
 * const reading = world.run(function* () {
 *   using conn = yield* connect({ port: 7000 });
 *   yield* sleep(10);
 *   server.peers[0]?.send("a line that does not end");
 *   yield* conn.readLine({ max: 10 });
 * });
 * await reading.catch((error: unknown) => console.log(error instanceof LineTooLongError)); // => true
 * ```
 */
export class LineTooLongError extends MillraceError {
  override name = "LineTooLongError";
  constructor(message: string) {
    super("ERR_LINE_TOO_LONG", message);
  }
}

/**
 * An address cannot be listened at. `reason` is the system's error code, such as `EADDRINUSE`.
 *
 * @example
 * ```ts
 * import { listen, ListenError, run } from "millrace";
 *
 * const twice = run(function* () {
 *   using first = yield* listen({ port: 0 });
 *   yield* listen({ port: first.port });
 * });
 * await twice.promise.catch((error: unknown) => {
 *   console.log(error instanceof ListenError && error.reason); // => "EADDRINUSE"
 * });
 * ```
 */
export class ListenError extends MillraceError {
  override name = "ListenError";
  readonly reason: string;
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super("ERR_LISTEN", message, options);
    this.reason = reason;
  }
}

/**
 * TLS did not come about on a connection that is there. `reason` is a code, such as `CERT_HAS_EXPIRED`. The connection is gone, unless the
 * handshake was never begun: for options that make no sense, and where there is TLS already.
 *
 * @example
 * ```ts
 * import { connect, listen, race, serve, startTls, TlsError } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * const shaking = simulate(function* () {
 *   const listener = yield* listen({ port: 587 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 587 });
 *     yield* startTls(conn, { serverName: "mail.example" });
 *   };
 *   yield* race({ client, server: serve(listener, (conn) => conn.write("500 no TLS here\n")) });
 * });
 * await shaking.catch((error: unknown) => console.log(error instanceof TlsError)); // => true
 * ```
 */
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

/**
 * A connection could not be made.
 *
 * @example
 * ```ts
 * import { connect, ConnectError } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * await simulate(function* () {
 *   try {
 *     yield* connect({ hostname: "mill.example", port: 7000 });
 *   } catch (error) {
 *     if (!(error instanceof ConnectError)) throw error;
 *     console.log(error.address, error.reason); // => "mill.example:7000", "ECONNREFUSED"
 *   }
 * });
 * ```
 */
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
