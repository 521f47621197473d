// TLS on a connection that began in plain text, as STARTTLS of mail, XMPP or PostgreSQL does. The conn stays the same object; from then on its bytes
// go over TLS.
//
// Bytes that came in plain text must not be taken for bytes that came over TLS: whoever sits in between could put commands there, which the server
// would run as the client's own (RFC 3207 section 6, CVE-2011-0411). So nothing may be left in the receive buffer when TLS begins, except the
// handshake's own first record, of a client that did not wait; anything else ends the connection.

import { Once } from "../concurrency/delegate.ts";
import { BusyError } from "../core/errors.ts";
import { finish, Leaf, type Operation, type Steps, suspend } from "../core/operation.ts";
import type { Task, Wait } from "../core/task.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import type { Conn } from "./conn.ts";
import { OPEN, type Reader, UPGRADED, UPGRADING, type Writer } from "./conn-state.ts";
import { ConnectionClosedError, ConnectionLostError, TlsError } from "./errors.ts";
import {
  handshakeMsOf,
  tlsClientFault,
  type TlsClientOptions,
  TlsFault,
  tlsFault,
  type TlsServerOptions,
} from "./tls.ts";
import type { Handshake, NetHost, RawSocket, SocketHandler, Transport } from "./transport.ts";

/** TLS of a client that begins in plain text. */
export interface StartTlsOptions extends TlsClientOptions {
  /** Ms until the end of the handshake; then the connection is reset. Default 10,000. */
  readonly handshakeMs?: number;
}

/**
 * Turns a plain connection into a TLS one, as its client. Sends what was written first; parks until the handshake is done and the server's
 * certificate verified. `options.serverName` is the name that the certificate must have. Cancelled half-way, the connection is closed at once.
 * @throws TlsError, and the connection is gone unless nothing was begun: `reason` says why, such as `CERT_HAS_EXPIRED`; also for
 * bytes that came in plain text behind the server's answer. BusyError when another task reads or writes, ConnectionLostError, ConnectionClosedError.
 *
 * @example
 * ```ts
 * import { acceptTls, connect, listen, race, serve, startTls } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * await simulate(function* () {
 *   const listener = yield* listen({ hostname: "mail.example", port: 587 });
 *   const server = serve(listener, (conn) => acceptTls(conn, { key: "key", cert: "cert" }));
 *   const client = function* () {
 *     using conn = yield* connect({ hostname: "mail.example", port: 587 }); // ... up to the answer to STARTTLS, then:
 *     yield* startTls(conn, { serverName: "mail.example", ca: "cert" });
 *     return conn.tls?.verified;
 *   };
 *   console.log((yield* race({ client, server })).value); // => true
 * });
 * ```
 */
export function startTls(conn: Conn, options: StartTlsOptions): Operation<void> {
  return new Once("startTls", () =>
    upgrade(conn, {
      early: false,
      deadlineMs: handshakeMsOf(options),
      fault: tlsClientFault(options, options.serverName),
      begin: (transport, socket, _early, handshake) => transport.secureClient(socket, options, handshake),
    }),
  );
}

/**
 * Turns a plain connection into a TLS one, as its server. Sends what was written first, such as the answer to STARTTLS; parks until the handshake
 * is done. Cancelled half-way, the connection is closed at once. The `serverNames` of one options object are read once: give another object when
 * they have changed.
 * @throws TlsError, and the connection is gone unless nothing was begun: `reason` says why; `ERR_PLAINTEXT_AHEAD` for
 * commands that the client, or somebody in between, has sent in plain text behind the one that asked for TLS. BusyError when another task reads or
 * writes, ConnectionLostError, ConnectionClosedError.
 *
 * @example
 * ```ts
 * import { acceptTls, type Conn, connect, listen, race, serve, startTls, type Steps } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * function* mail(conn: Conn): Steps<void> {
 *   if ((yield* conn.readLine()) !== "STARTTLS") return;
 *   yield* conn.write("220 go ahead\n");
 *   yield* acceptTls(conn, { key: "key", cert: "cert" });
 *   // Forget all that the client has said so far: it came in plain text.
 *   console.log(conn.secure); // => true
 * }
 *
 * await simulate(function* () {
 *   const listener = yield* listen({ port: 587 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 587 });
 *     yield* conn.write("STARTTLS\n");
 *     yield* conn.readLine();
 *     yield* startTls(conn, { serverName: "mail.example", ca: "cert" });
 *     return yield* conn.read();
 *   };
 *   yield* race({ client, server: serve(listener, mail) });
 * });
 * ```
 */
export function acceptTls(conn: Conn, options: TlsServerOptions): Operation<void> {
  return new Once("acceptTls", () =>
    upgrade(conn, {
      early: true,
      deadlineMs: handshakeMsOf(options),
      fault: tlsFault(options),
      begin: (transport, socket, early, handshake) => transport.secureServer(socket, options, early, handshake),
    }),
  );
}

/** Which end of the connection we are. */
interface Side {
  /** The other end speaks first, and may have begun. */
  readonly early: boolean;
  readonly deadlineMs: number;
  /** What is wrong with the options. */
  readonly fault: string | null;
  begin(transport: Transport, socket: RawSocket, early: Uint8Array, handshake: Handshake): RawSocket;
}

function* upgrade(conn: Conn, side: Side): Steps<void> {
  if (side.fault !== null) throw tlsError(conn, new TlsFault("ERR_TLS", side.fault));
  assertPlain(conn, side);
  yield* conn.flush();
  yield* new HandshakeLeaf(conn, side);
}

/** @throws why TLS cannot begin now. */
function assertPlain(conn: Conn, side: Side): void {
  const attempt = attemptOn(conn);
  if (conn.closing !== null) throw new ConnectionClosedError(`${attempt}: it was closed`);
  if (conn.gone) throw new ConnectionLostError(`${attempt}: the peer is gone`);
  if (conn.secure) throw tlsError(conn, new TlsFault("ERR_TLS", "it is a TLS connection already"));
  if (conn.input !== OPEN) throw new ConnectionLostError(`${attempt}: the peer has sent its last byte`);
  if (conn.output !== OPEN) throw new ConnectionClosedError(`${attempt}: its write side was ended`);
  const { bytes, start, size } = conn.received;
  if (size === 0 || (side.early && isHandshake(bytes, start, size))) return;
  conn.terminate();
  const state = `${size} bytes came in plain text behind the command that begins TLS, and may be anybody's`;
  throw tlsError(conn, new TlsFault("ERR_PLAINTEXT_AHEAD", state));
}

/** Begins with a record of TLS that is part of a handshake: type 22, version 3. No command of a text protocol does. */
function isHandshake(bytes: Uint8Array, start: number, size: number): boolean {
  return bytes[start] === 22 && (size === 1 || bytes[start + 1] === 3);
}

function attemptOn(conn: Conn): string {
  return `Cannot start TLS on ${conn.describe()}`;
}

function tlsError(conn: Conn, fault: TlsFault): TlsError {
  const options = fault.cause === undefined ? {} : { cause: fault.cause };
  return new TlsError(`${attemptOn(conn)}: ${fault.message}`, fault.reason, options);
}

/** The handshake. It holds both directions of the conn: who else reads or writes meanwhile gets a BusyError. */
class HandshakeLeaf extends Leaf<void> implements Reader, Writer, Handshake, TimerOwner {
  readonly wanted = 0;
  readonly #conn: Conn;
  readonly #side: Side;
  readonly #timer: Timer = new Timer(this);
  #task: Task | null = null;
  #fault: TlsFault | null = null;

  constructor(conn: Conn, side: Side) {
    super();
    this.#conn = conn;
    this.#side = side;
  }

  get reason(): string {
    return `the TLS handshake of ${this.#conn.describe()}`;
  }

  protected start(): IteratorResult<Wait, void> {
    const conn = this.#conn;
    assertPlain(conn, this.#side);
    if (conn.reader !== null || conn.writer !== null)
      throw new BusyError(`${attemptOn(conn)}: another task is reading or writing`);
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<void> {
    const conn = this.#conn;
    if (this.#fault === null) return finish(undefined);
    if (conn.closing !== null) throw new ConnectionClosedError(`${attemptOn(conn)}: it was closed`);
    throw tlsError(conn, this.#fault);
  }

  park(task: Task): void {
    const conn = this.#conn;
    const { scheduler } = conn;
    conn.resumeInput();
    const early = conn.received.take();
    try {
      const { transport } = scheduler.host as NetHost;
      conn.socket = this.#side.begin(transport, conn.socket, early, this);
    } catch (error) {
      // Keys or certificates that are none.
      conn.terminate();
      task.kernel.requeue(task, tlsError(conn, error as TlsFault));
      return;
    }
    this.#task = task;
    conn.reader = conn.writer = this;
    conn.upgrade = UPGRADING;
    scheduler.timers.arm(this.#timer, scheduler.now() + this.#side.deadlineMs);
  }

  unpark(): boolean {
    const conn = this.#conn;
    const { scheduler } = conn;
    // Half a handshake is no way back.
    this.#task = null;
    scheduler.enter();
    conn.terminate();
    scheduler.leaveLater();
    return true;
  }

  done(socket: RawSocket): SocketHandler {
    const conn = this.#conn;
    conn.socket = socket;
    conn.upgrade = UPGRADED;
    conn.scheduler.enter();
    this.#end();
    conn.scheduler.leaveLater();
    return conn;
  }

  failed(fault: TlsFault): void {
    const conn = this.#conn;
    this.#fault ??= fault;
    conn.scheduler.enter();
    this.#end();
    conn.socketClosed(fault);
    conn.scheduler.leaveLater();
  }

  expired(): void {
    this.#fault = new TlsFault("ETIMEDOUT", `the handshake was not done within ${this.#side.deadlineMs} ms`);
    // The transport tells `failed` for it, within this call.
    this.#conn.socket.terminate();
  }

  arrived(): void {}
  outboxShrank(): void {}

  #end(): void {
    const conn = this.#conn;
    conn.scheduler.timers.cancel(this.#timer);
    conn.reader = conn.writer = null;
    if (this.#task !== null) conn.scheduler.wake(this.#task, this);
  }
}
