// The connections of one TLS listener whose handshake is not over. They are counted and timed from the TCP connection on: a peer that connects
// and never says a word costs a file descriptor, and thousands of them would use up all there are.

import type { Scheduler } from "../core/scheduler.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import type { Handshake, RawSocket, SocketHandler } from "./transport.ts";

/** Whoever waits for handshakes: the listener. */
export interface HandshakesOwner {
  /** A handshake is done: gives the connection's handler, or `null` to refuse it. */
  handshakeDone(socket: RawSocket): SocketHandler | null;
  /** A handshake has failed, or its deadline has passed; the socket is gone. */
  handshakeFailed(): void;
}

/** All handshakes of a listener. */
export class Handshakes {
  readonly #scheduler: Scheduler;
  readonly #deadlineMs: number;
  readonly #owner: HandshakesOwner;
  readonly #pending: Set<PendingHandshake> = new Set();
  /** Those that failed so far. */
  failed = 0;

  constructor(scheduler: Scheduler, deadlineMs: number, owner: HandshakesOwner) {
    this.#scheduler = scheduler;
    this.#deadlineMs = deadlineMs;
    this.#owner = owner;
  }

  /** Those that are under way. */
  get pending(): number {
    return this.#pending.size;
  }

  /** A peer has connected: its time runs. */
  begin(socket: RawSocket): Handshake {
    const handshake = new PendingHandshake(this, socket);
    this.#pending.add(handshake);
    const scheduler = this.#scheduler;
    scheduler.enter();
    scheduler.timers.arm(handshake.timer, scheduler.now() + this.#deadlineMs);
    scheduler.leave();
    return handshake;
  }

  /** Resets all that are under way. */
  abandon(): void {
    for (const handshake of this.#pending) handshake.socket.terminate();
  }

  /** @internal */
  done(handshake: PendingHandshake, socket: RawSocket): SocketHandler | null {
    this.#forget(handshake);
    return this.#owner.handshakeDone(socket);
  }

  /** @internal */
  lost(handshake: PendingHandshake): void {
    this.#forget(handshake);
    this.failed++;
    this.#owner.handshakeFailed();
  }

  #forget(handshake: PendingHandshake): void {
    this.#pending.delete(handshake);
    this.#scheduler.timers.cancel(handshake.timer);
  }
}

class PendingHandshake implements Handshake, TimerOwner {
  readonly timer: Timer = new Timer(this);
  readonly socket: RawSocket;
  readonly #all: Handshakes;

  constructor(all: Handshakes, socket: RawSocket) {
    this.#all = all;
    this.socket = socket;
  }

  done(socket: RawSocket): SocketHandler | null {
    return this.#all.done(this, socket);
  }

  failed(): void {
    this.#all.lost(this);
  }

  expired(): void {
    // The transport tells `failed` for it, within this call.
    this.socket.terminate();
  }
}
