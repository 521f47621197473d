// The making of one connection, from a name to a conn: its addresses are looked up, they race, TLS shakes hands with the winner. One deadline
// stands over all of it, and it can be given up at any moment with nothing left behind.

import { CONNECT_MS } from "../config.ts";
import { rootOf } from "../core/lingering.ts";
import type { Scheduler } from "../core/scheduler.ts";
import type { Task } from "../core/task.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import { describeAddress, isIpAddress, LOOPBACK } from "./address.ts";
import { AddressRace, type AddressRaceOwner, interleave } from "./address-race.ts";
import { Conn } from "./conn.ts";
import type { ConnOwner } from "./conn-state.ts";
import { type ConnectAttempt, ConnectError, connectState } from "./errors.ts";
import { keepAlive, type KeepAlive } from "./keep-alive.ts";
import type { TlsClientOptions, TlsFault } from "./tls.ts";
import type {
  Handshake,
  NetHost,
  RawSocket,
  ResolvedAddress,
  SocketAddress,
  SocketHandler,
  Transport,
} from "./transport.ts";

/** Where and how to connect. */
export interface ConnectOptions extends SocketAddress {
  /** Ms until it is given up: looking up the name, all attempts and the handshake of TLS together. Default 30,000. */
  readonly timeoutMs?: number;
  /** TLS: `{}` for a server whose certificate the world trusts. */
  readonly tls?: TlsClientOptions;
  /** Notices a peer that vanishes while nothing is said. Default: off. */
  readonly keepAlive?: KeepAlive;
}

/** A connection in the making. */
export class Connecting implements AddressRaceOwner, Handshake, TimerOwner {
  /** What came of it: one of the two, once `settled` was called. */
  conn: Conn | null = null;
  error: unknown = null;
  readonly #scheduler: Scheduler;
  readonly #transport: Transport;
  /** Apart, so that a conn does not hold what made it. */
  readonly #owner: ConnOwner;
  readonly #options: ConnectOptions;
  readonly #settled: () => void;
  readonly #timer: Timer = new Timer(this);
  /** Stops what is under way. */
  #giveUp: () => void = () => {};
  #race: AddressRace | null = null;
  /** The socket whose handshake is under way. */
  #shaking: RawSocket | null = null;
  #over = false;

  constructor(task: Task, options: ConnectOptions, settled: () => void) {
    this.#scheduler = task.kernel as Scheduler;
    this.#transport = (this.#scheduler.host as NetHost).transport;
    this.#owner = { root: rootOf(task), secure: options.tls !== undefined, connClosed() {} };
    this.#options = options;
    this.#settled = settled;
  }

  /** Begins. Nothing is told within this call. */
  begin(): void {
    const { unix, hostname = LOOPBACK, port, timeoutMs = CONNECT_MS } = this.#options;
    if (timeoutMs !== Number.POSITIVE_INFINITY)
      this.#scheduler.timers.arm(this.#timer, this.#scheduler.now() + timeoutMs);
    if (unix !== undefined) this.#raceTo([{ unix }]);
    else if (isIpAddress(hostname)) this.#raceTo([addressOf(hostname, port)]);
    else {
      this.#giveUp = this.#transport.resolve(
        hostname,
        (found) => this.#found(found, port),
        (reason, cause) => this.#inCallback(() => this.#fail(reason, connectState(reason), [], cause)),
      );
    }
  }

  /** Gives up: nothing is told any more. */
  abandon(): void {
    this.#over = true;
    this.#scheduler.timers.cancel(this.#timer);
    this.#giveUp();
    this.#shaking?.terminate();
  }

  raceWon(socket: RawSocket): SocketHandler | null {
    keepAlive(socket, this.#options.keepAlive);
    const { tls, hostname = LOOPBACK } = this.#options;
    if (tls === undefined) return this.#made(socket);
    this.#giveUp = () => {};
    try {
      this.#shaking = this.#transport.secureClient(socket, { serverName: hostname, ...tls }, this);
      return null;
    } catch (error) {
      this.#fault(error as TlsFault);
      socket.terminate();
      return IGNORING;
    }
  }

  raceLost(failures: readonly ConnectError[]): void {
    const [first] = failures as [ConnectError];
    const state =
      failures.length === 1
        ? connectState(first.reason)
        : `none of its addresses answers: ${failures.map(({ address, reason }) => `${address}: ${connectState(reason)}`).join("; ")}`;
    this.#fail(first.reason, state, (this.#race as AddressRace).attempts, first.cause);
  }

  /** The handshake of TLS is done. */
  done(socket: RawSocket): SocketHandler | null {
    this.#shaking = null;
    if (this.#over) return null;
    this.#scheduler.enter();
    const conn = this.#made(socket);
    this.#scheduler.leaveLater();
    return conn;
  }

  /** It has failed. */
  failed(fault: TlsFault): void {
    this.#shaking = null;
    this.#inCallback(() => this.#fault(fault));
  }

  /** The deadline has passed. */
  expired(): void {
    const { timeoutMs = CONNECT_MS } = this.#options;
    const what =
      this.#race === null
        ? "its name was not resolved"
        : this.#shaking === null
          ? "no answer came"
          : "the handshake of TLS was not done";
    const attempts = this.#race?.attempts ?? [];
    this.abandon();
    this.#over = false;
    this.#fail("ETIMEDOUT", `${what} within ${timeoutMs} ms${triedOf(attempts)}`, attempts);
  }

  #found(found: readonly ResolvedAddress[], port: number | undefined): void {
    this.#inCallback(() => {
      if (found.length === 0) this.#fail("ENOTFOUND", connectState("ENOTFOUND"), []);
      else this.#raceTo(interleave(found).map((address) => addressOf(address, port)));
    });
  }

  #raceTo(addresses: readonly SocketAddress[]): void {
    const race = new AddressRace(this.#scheduler, this.#transport, addresses, this);
    this.#race = race;
    this.#giveUp = () => race.abandon();
    race.begin();
  }

  #made(socket: RawSocket): Conn {
    this.conn = new Conn(this.#scheduler, socket, this.#owner);
    this.#settle();
    return this.conn;
  }

  #fault(fault: TlsFault): void {
    const race = this.#race as AddressRace;
    race.winnerFailed(fault.reason);
    this.#fail(fault.reason, fault.message, race.attempts, fault.cause);
  }

  #fail(reason: string, state: string, attempts: readonly ConnectAttempt[], cause?: unknown): void {
    const options = cause === undefined ? {} : { cause };
    this.error = new ConnectError(describeAddress(this.#options), reason, state, attempts, options);
    this.#settle();
  }

  #settle(): void {
    if (this.#over) return;
    this.#over = true;
    this.#scheduler.timers.cancel(this.#timer);
    this.#settled();
  }

  /** What a callback of the transport does. */
  #inCallback(act: () => void): void {
    if (this.#over) return;
    this.#scheduler.enter();
    act();
    // Not later: a timer may have been armed, and the host must hear of it.
    this.#scheduler.leave();
  }
}

/** The owner of a socket that is gone already. */
const IGNORING: SocketHandler = { socketData() {}, socketDrained() {}, socketEnded() {}, socketClosed() {} };

function addressOf(hostname: string, port: number | undefined): SocketAddress {
  return port === undefined ? { hostname } : { hostname, port };
}

/** The attempts of a connection that ran out of time, when they tell more than that. */
function triedOf(attempts: readonly ConnectAttempt[]): string {
  if (attempts.length < 2) return "";
  return `: ${attempts.map(({ address, reason }) => `${address}: ${reason === "EINPROGRESS" ? "no answer" : connectState(reason)}`).join("; ")}`;
}
