// What may stop a connection from outside its task: a client that is too slow in sending or in taking, and one that goes. It stops the
// connection by cancelling its node of the cancel tree, and says nothing to the client: the task unwinds, and the connection has the last word.
//
// The phase says which clock runs. All of them share one lazy deadline, so a phase that begins costs a store. None runs against a
// silent handler: in its phase the deadline only looks, now and then, whether the client takes what waits for it.

import { DRAIN_HEAD_MS, REST_AFTER_MS } from "../config.ts";
import { PushedNode, runningTask } from "../concurrency/cancel.ts";
import type { Conn } from "../net/conn.ts";
import { type ConnWatcher, OPEN } from "../net/conn-state.ts";
import type { PassClock } from "./pass-clock.ts";
import { type DeadlineOwner, LazyDeadline } from "./lazy-deadline.ts";
import { ClientGoneError } from "./errors.ts";
import type { HttpServer, HttpSettings } from "./server.ts";

// Phases. Waiting for the first byte of a request; for the rest of its head; for bytes of its body that the handler reads; for the handler, or
// the client to take the answer.
const IDLE = 0;
const HEAD = 1;
const BODY = 2;
const ANSWER = 3;

/** The write stall clock looks this many times in its span: progress is noticed by then, and costs nothing in between. */
const STALL_LOOKS = 4;

/** Why the node was cancelled when the client took too long: answered with 408 where an answer is due. */
export const TOO_SLOW: ClientGoneError = new ClientGoneError(
  "Cannot go on with the request: the client was too slow in sending it",
);

/** The clocks of one connection, and its eye on the client. */
export class Watch implements ConnWatcher, DeadlineOwner {
  /** Cancelled when the connection must stop: with TOO_SLOW, or another ClientGoneError. */
  readonly node: ConnectionNode;
  readonly #conn: Conn;
  readonly #server: HttpServer;
  readonly #options: HttpSettings;
  readonly #clock: PassClock;
  readonly #deadline: LazyDeadline;
  #phase: number = IDLE;
  /** When a connection that waits for a request is closed. */
  #idleUntil = 0;
  /** Since when the body is waited for; ms waited and bytes got since it last kept the minimum rate. */
  #awaitedFrom = 0;
  #awaitedMs = 0;
  #arrivedBytes = 0;
  #sentAtLook = 0;
  #looksWithoutProgress = 0;

  /** In the connection's own task. */
  constructor(conn: Conn, server: HttpServer) {
    this.node = new ConnectionNode(runningTask("serve HTTP"));
    this.#conn = conn;
    this.#server = server;
    this.#options = server.options;
    this.#clock = server.clock;
    this.#deadline = new LazyDeadline(conn.scheduler, this);
  }

  /** From here on the client has `headMs` for its first byte; one that was at rest has its time of before, until `restUntil`. */
  begin(restUntil: number | null): void {
    this.node.push();
    this.#conn.watcher = this;
    this.#idleUntil = restUntil ?? this.#clock.now() + this.#options.headMs;
    this.#deadline.set(this.#idleUntil);
  }

  end(): void {
    this.#deadline.stop();
    this.#conn.watcher = null;
    this.node.pop();
  }

  /** The first byte of a head has been seen, and not its last. */
  get headBegun(): boolean {
    return this.#phase === HEAD;
  }

  /** A request is with its handler, or its answer on the way. */
  get busy(): boolean {
    return this.#phase >= BODY;
  }

  // --- what the connection waits for -----------------------------------------------------------------------------------------

  /** For the first byte of a request. */
  requestAwaited(): void {
    if (this.#phase !== ANSWER) return;
    this.#phase = IDLE;
    const now = this.#clock.now();
    const { keepAliveMs } = this.#options;
    this.#idleUntil = now + keepAliveMs;
    this.#deadline.set(now + Math.min(keepAliveMs, REST_AFTER_MS));
  }

  /** For the rest of a head. However often this is said, its time is counted once. */
  headAwaited(): void {
    if (this.#phase === HEAD) return;
    this.#phase = HEAD;
    this.#deadline.set(this.#clock.now() + this.#options.headMs);
  }

  /** The server drains: the rest of the head must come soon. */
  hurryHead(): void {
    this.#deadline.set(this.#clock.now() + DRAIN_HEAD_MS);
  }

  /** For nothing: a handler that does not park is done before any clock could tell. */
  headArrived(): void {
    this.#phase = ANSWER;
  }

  /** For the handler, or the client who takes the answer: they may take their time. Looks for a stalled write now and then. */
  answerAwaited(): void {
    // A handler on promises may be reading the body by the time that it is waited for.
    if (this.#phase !== BODY) this.#awaitAnswer(this.#clock.now());
  }

  /** A body is about to be read for the first time. */
  bodyWanted(): void {
    this.#restartRate();
  }

  /** For bytes of the body. Its clock runs only while somebody waits: what a handler does between two reads is not the client's fault. */
  bodyAwaited(): void {
    this.#phase = BODY;
    // Code on promises reads between passes, when the clock of the last pass may be minutes old.
    this.#awaitedFrom = this.#conn.scheduler.now();
    this.#deadline.set(this.#awaitedFrom + this.#options.bodyStallMs - this.#awaitedMs);
  }

  /** The read goes on with `bytes` of the body, or was given up. */
  bodyArrived(bytes: number): void {
    // Also where nobody waits: many small chunks come together, and the wait ends with the first.
    this.#arrivedBytes += bytes;
    if (this.#phase !== BODY) return;
    const now = this.#conn.scheduler.now();
    this.#awaitedMs += now - this.#awaitedFrom;
    const { bodyStallMs, bodyBytesPerSecondMin } = this.#options;
    // Without a minimum any byte is progress.
    if (bytes > 0 && this.#arrivedBytes * 1000 >= bodyStallMs * bodyBytesPerSecondMin) this.#restartRate();
    this.#awaitAnswer(now);
  }

  #restartRate(): void {
    this.#awaitedMs = 0;
    this.#arrivedBytes = 0;
  }

  #awaitAnswer(now: number): void {
    this.#phase = ANSWER;
    this.#sentAtLook = this.#conn.outbox.sent;
    this.#looksWithoutProgress = 0;
    const { writeStallMs, halfCloseGraceMs } = this.#options;
    this.#deadline.set(now + (this.#conn.input === OPEN ? writeStallMs / STALL_LOOKS : halfCloseGraceMs));
  }

  // --- what happens ----------------------------------------------------------------------------------------------------------

  inputEnded(): void {
    // A FIN may be a half-close that still wants its answer. The clock of the last pass may be minutes old in here.
    if (this.#phase === ANSWER) this.#awaitAnswer(this.#conn.scheduler.now());
  }

  socketClosed(): void {
    if (this.busy) this.#clientGone();
  }

  deadlinePassed(): void {
    if (this.#phase === IDLE) this.#idleTooLong();
    else if (this.#phase !== ANSWER) this.node.cancelTree(TOO_SLOW);
    else if (this.#conn.input === OPEN) this.#lookForStall();
    // A client that still takes its answer is there, FIN or not.
    else if (this.#conn.outbox.sent > this.#sentAtLook) this.#awaitAnswer(this.#conn.scheduler.now());
    else this.#clientGone();
  }

  /** The connection is closed when its time is over, and rests until then; not before the client has taken all that was sent. */
  #idleTooLong(): void {
    const now = this.#conn.scheduler.now();
    const idleUntil = this.#idleUntil;
    if (now >= idleUntil) this.#conn.close();
    else if (!this.#server.resting.rest(this.#conn, idleUntil))
      this.#deadline.set(Math.min(idleUntil, now + REST_AFTER_MS));
  }

  /** A client that takes nothing of what is waiting for it for the whole span is cut off. A silent handler is left alone. */
  #lookForStall(): void {
    const { outbox } = this.#conn;
    const stalled = outbox.pending > 0 && outbox.sent === this.#sentAtLook;
    this.#sentAtLook = outbox.sent;
    this.#looksWithoutProgress = stalled ? this.#looksWithoutProgress + 1 : 0;
    if (this.#looksWithoutProgress < STALL_LOOKS) {
      this.#deadline.set(this.#conn.scheduler.now() + this.#options.writeStallMs / STALL_LOOKS);
      return;
    }
    this.#clientGone();
    this.#conn.terminate();
  }

  #clientGone(): void {
    this.node.cancelTree(new ClientGoneError(`Cannot answer on ${this.#conn.describe()}: the client is gone`));
  }
}

/** The connection in the cancel tree. Its abort signal is made when somebody asks for it. */
class ConnectionNode extends PushedNode {
  #abort: AbortController | null = null;

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.cause !== null) this.#abort.abort(this.cause.reason);
    }
    return this.#abort.signal;
  }

  /** A signal belongs to one request. */
  forgetSignal(): void {
    this.#abort = null;
  }

  override afterCancel(): void {
    this.#abort?.abort(this.cause?.reason);
  }
}
