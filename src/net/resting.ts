// Connections at rest: open, silent, and reduced to their socket. A conn with its buffers, its task and what a protocol keeps for it takes 2.4 KB
// (test/allocations); while nothing is said, all of that is known without it. So a conn whose owner has put it to rest lets go of its socket
// and ends as if the peer had left; what stays is a handler of 64 bytes. The next byte makes a new conn with the old number, which goes to
// whoever takes the listener's connections, as at the first time. To the peer, and to the listener's counts, nothing has happened.
//
// All conns of one place rest equally long, so they stand in a list, the one whose time comes first at its head, and one timer serves them all.

import { Timer, type TimerOwner } from "../core/timers.ts";
import type { Scheduler } from "../core/scheduler.ts";
import { Conn } from "./conn.ts";
import type { Listener } from "./listener.ts";
import type { NetHost, RawSocket, SocketHandler } from "./transport.ts";

/** The resting conns of one listener. */
export class Resting implements TimerOwner {
  readonly scheduler: Scheduler;
  /** Conns at rest now. */
  size = 0;
  readonly #timer: Timer = new Timer(this);
  #listener: Listener | null = null;
  #first: RestingConn | null = null;
  #last: RestingConn | null = null;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /**
   * Puts `conn` to rest until host milliseconds `until`, not before those that rest already; then it is closed. Its reader goes on and sees the end
   * of input. False where that cannot be: something was received and not read, or written and not sent, or one direction has ended.
   */
  rest(conn: Conn, until: number): boolean {
    const socket = conn.release();
    if (socket === null) return false;
    this.#listener ??= conn.owner as Listener;
    const resting = new RestingConn(this, socket, conn.id, until);
    resting.previous = this.#last;
    if (this.#last === null) this.#first = resting;
    else this.#last.next = resting;
    this.#last = resting;
    this.size++;
    this.#handOver(socket, resting);
    if (!this.#timer.armed) this.scheduler.timers.arm(this.#timer, until);
    return true;
  }

  /** Closes all, each as a conn is closed. */
  closeAll(): void {
    while (this.#first !== null) this.conn(this.#first).close();
  }

  /** A conn for the socket again, without a task. */
  conn(resting: RestingConn): Conn {
    const conn = this.take(resting);
    this.#handOver(resting.socket, conn);
    return conn;
  }

  /** The same, for a socket that tells nobody anything any more. */
  take(resting: RestingConn): Conn {
    this.#remove(resting);
    return new Conn(this.scheduler, resting.socket, this.#listener as Listener, resting.id);
  }

  /** The same, and the listener's taker gets it. */
  wake(resting: RestingConn): Conn {
    const conn = this.conn(resting);
    (this.#listener as Listener).deliverAgain(conn);
    return conn;
  }

  expired(): void {
    const now = this.scheduler.now();
    for (let first = this.#first; first !== null && first.until <= now; first = this.#first) this.conn(first).close();
    if (this.#first !== null) this.scheduler.timers.arm(this.#timer, this.#first.until);
  }

  #remove(resting: RestingConn): void {
    const { next, previous } = resting;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    // One that somebody still holds must not hold all that stood behind it.
    resting.next = resting.previous = null;
    if (--this.size === 0) this.scheduler.timers.cancel(this.#timer);
  }

  #handOver(socket: RawSocket, handler: SocketHandler): void {
    (this.scheduler.host as NetHost).transport.handOver(socket, handler);
  }
}

/** A socket whose conn is at rest. */
class RestingConn implements SocketHandler {
  readonly resting: Resting;
  readonly socket: RawSocket;
  readonly id: number;
  readonly until: number;
  next: RestingConn | null = null;
  previous: RestingConn | null = null;

  constructor(resting: Resting, socket: RawSocket, id: number, until: number) {
    this.resting = resting;
    this.socket = socket;
    this.id = id;
    this.until = until;
  }

  socketData(chunk: Uint8Array): void {
    this.resting.wake(this).socketData(chunk);
  }

  socketDrained(): void {}

  socketEnded(): void {
    const conn = this.resting.conn(this);
    conn.socketEnded();
    conn.close();
  }

  socketClosed(error?: unknown): void {
    this.resting.take(this).socketClosed(error);
  }
}
