// Connections at rest: open, silent, and reduced to their socket. A conn with its buffers, its task and what a protocol keeps for it takes 2.4 KB
// (test/allocations); while nothing is said, all of that is known without it. So a conn whose owner has put it to rest lets go of its socket
// and ends as if the peer had left; what stays is a handler of 64 bytes. The next byte makes a new conn with the old number, which goes to
// whoever takes the listener's connections, as at the first time. To the peer, and to the listener's counts, nothing has happened.
//
// They stand in a list in the order in which their time is over, and one timer serves them all. Conns of one place rest equally long, so a new one
// nearly always belongs at the end.

import { Timer, type TimerOwner } from "../core/timers.ts";
import type { Scheduler } from "../core/scheduler.ts";
import { Conn } from "./conn.ts";
import type { Listener } from "./listener.ts";
import type { NetHost, RawSocket, SocketHandler } from "./transport.ts";

/** The resting conns of one listener. */
export class Resting implements TimerOwner {
  readonly scheduler: Scheduler;
  /** While the listener's taker is given a conn that was at rest: when its time would have been over. Otherwise `null`. */
  wokenUntil: number | null = null;
  readonly #timer: Timer = new Timer(this);
  #listener: Listener | null = null;
  #first: RestingConn | null = null;
  #last: RestingConn | null = null;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /**
   * Puts `conn` to rest until host milliseconds `until`, `Infinity` for ever; then it is closed. Its reader goes on and sees the end of input. False
   * where that cannot be: something was received and not read, or written and not sent, or one direction has ended.
   */
  rest(conn: Conn, until: number): boolean {
    const socket = conn.release();
    if (socket === null) return false;
    this.#listener ??= conn.owner as Listener;
    const resting = new RestingConn(this, socket, conn.id, until);
    this.#insert(resting);
    handOver(this.scheduler, socket, resting);
    return true;
  }

  /** Closes all, each as a conn is closed. */
  closeAll(): void {
    while (this.#first !== null) this.conn(this.#first).close();
  }

  /** A conn for the socket again, without a task. */
  conn(resting: RestingConn): Conn {
    const { id, socket } = resting;
    this.#remove(resting);
    const conn = new Conn(this.scheduler, socket, this.#listener as Listener, id);
    handOver(this.scheduler, socket, conn);
    return conn;
  }

  /** The same, and the listener's taker gets it. */
  wake(resting: RestingConn): Conn {
    const conn = this.conn(resting);
    this.wokenUntil = resting.until;
    (this.#listener as Listener).deliverAgain(conn);
    this.wokenUntil = null;
    return conn;
  }

  /** Its socket is gone. */
  closed(resting: RestingConn): void {
    this.#remove(resting);
    (this.#listener as Listener).connClosed();
  }

  expired(): void {
    const now = this.scheduler.now();
    for (let first = this.#first; first !== null && first.until <= now; first = this.#first) this.conn(first).close();
    this.#arm();
  }

  #insert(resting: RestingConn): void {
    let previous = this.#last;
    while (previous !== null && previous.until > resting.until) previous = previous.previous;
    const next = previous === null ? this.#first : previous.next;
    resting.previous = previous;
    resting.next = next;
    if (next === null) this.#last = resting;
    else next.previous = resting;
    (this.#listener as Listener).resting++;
    if (previous !== null) previous.next = resting;
    else {
      this.#first = resting;
      this.#arm();
    }
  }

  #remove(resting: RestingConn): void {
    const { next, previous } = resting;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    // One that somebody still holds must not hold all that stood behind it.
    resting.next = resting.previous = null;
    (this.#listener as Listener).resting--;
    if (this.#first === null) this.scheduler.timers.cancel(this.#timer);
  }

  /** Has the timer fire when the first one's time is over, or earlier: of those that wake, most do before their time, and their timer stays. */
  #arm(): void {
    const { timers } = this.scheduler;
    const until = this.#first?.until ?? Number.POSITIVE_INFINITY;
    if (until === Number.POSITIVE_INFINITY) return;
    if (this.#timer.armed) {
      if (this.#timer.deadline <= until) return;
      timers.cancel(this.#timer);
    }
    timers.arm(this.#timer, until);
  }
}

function handOver(scheduler: Scheduler, socket: RawSocket, handler: SocketHandler): void {
  (scheduler.host as NetHost).transport.handOver(socket, handler);
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

  // Nothing waits to be sent; what TLS may hold back goes on by itself.
  socketDrained(): void {}

  socketEnded(): void {
    const conn = this.resting.conn(this);
    conn.socketEnded();
    conn.close();
  }

  socketClosed(): void {
    this.resting.closed(this);
  }
}
