// The end of a conn that was told to close: it outlives its task until the peer has everything. First the outbox drains (a stall clock runs),
// then our FIN goes out, then input is discarded until the peer's FIN or the linger deadline, and only then the socket is closed.
// Closing it earlier would make the kernel answer unread input with a reset, which destroys what it had accepted from us.
//
// TLS needs more care, and gets it here. Measured on Bun 1.4.5: of what a TLS socket took it may hold back the last 20 to 400 KB, and the FIN
// behind them, until the kernel has room; and end() before that, or without a shutdown(), waits for the peer without a limit, while
// terminate() does nothing any more. So our FIN counts as sent only when the socket says so (a write of nothing then gives -1 and no longer
// 0), the stall clock runs until then, and end() comes after it.

import { LINGER_BYTES_MAX, LINGER_MS, WRITE_STALL_MS } from "../config.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import { type Closer, type ConnState, ENDED, LOST, OPEN } from "./conn-state.ts";

const NOTHING = new Uint8Array(0);

/** The closing of one conn. */
export class Closing implements Closer, TimerOwner {
  readonly #conn: ConnState;
  readonly #timer: Timer = new Timer(this);
  #deadline = 0;
  #discarded = 0;
  /** The outbox's count of sent bytes when the stall clock was set last. */
  #sent = 0;
  /** Our FIN is with the kernel, and all that stands before it. */
  #finOut = false;

  constructor(conn: ConnState) {
    this.#conn = conn;
  }

  /** Starts: sends what is left, then FIN. */
  begin(): void {
    const conn = this.#conn;
    conn.scheduler.lingering.begin(conn, conn.owner.root);
    if (this.#bothEnded()) return;
    if (conn.output === LOST) {
      // A failed write has told before the socket did.
      this.outputLost();
      return;
    }
    this.#sent = conn.outbox.sent;
    this.#setDeadline(WRITE_STALL_MS);
    if (conn.output === OPEN) conn.beginEnd();
    else if (conn.output === ENDED) this.finSent();
    else conn.flushNow();
  }

  /** Bytes were offered to the kernel. If it took some the stall clock starts anew; a drain without reason is no progress. */
  progressed(): void {
    const { sent } = this.#conn.outbox;
    if (this.#conn.output === ENDED || sent === this.#sent) return;
    this.#sent = sent;
    this.#deadline = this.#now() + WRITE_STALL_MS;
  }

  /** Our FIN is out: from now on only the peer can be waited for. A TLS socket may hold it back; then the stall clock goes on. */
  finSent(): void {
    const { secure, socket } = this.#conn;
    this.#finOut = !secure || socket.write(NOTHING, 0, 0) !== 0;
    if (this.#finOut && !this.#bothEnded()) this.#setDeadline(LINGER_MS);
  }

  /** The kernel has room: a FIN that was held back may be out. */
  drained(): void {
    if (this.#conn.output === ENDED && !this.#finOut) this.finSent();
  }

  /** The peer's FIN came. */
  inputEnded(): void {
    this.#bothEnded();
  }

  /** Input after `close()` is thrown away, up to a bound. */
  discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > LINGER_BYTES_MAX) this.#conn.socket.terminate();
  }

  /** Nothing can be sent any more: there is nothing to wait for. */
  outputLost(): void {
    this.#conn.socket.terminate();
  }

  socketClosed(): void {
    const { scheduler } = this.#conn;
    scheduler.timers.cancel(this.#timer);
    scheduler.lingering.end(this.#conn);
  }

  expired(): void {
    const left = this.#deadline - this.#now();
    if (left > 0) {
      this.#arm(this.#deadline);
      return;
    }
    // A peer that took nothing for so long is reset; one that has our FIN may still be reading what the kernel holds for it.
    if (this.#finOut) this.#conn.socket.end();
    else this.#conn.socket.terminate();
  }

  /** With both FINs seen, or the peer's seen and nothing left to send, close(2) is safe and sends our FIN if it is still due. */
  #bothEnded(): boolean {
    const conn = this.#conn;
    if (conn.input === OPEN || conn.outbox.pending > 0 || (conn.secure && !this.#finOut)) return false;
    conn.socket.end();
    return true;
  }

  #setDeadline(ms: number): void {
    this.#deadline = this.#now() + ms;
    this.#conn.scheduler.timers.cancel(this.#timer);
    this.#arm(this.#deadline);
  }

  #arm(deadline: number): void {
    this.#conn.scheduler.timers.arm(this.#timer, deadline);
  }

  #now(): number {
    return this.#conn.scheduler.now();
  }
}
