// The state of a connection under its operations: both directions, the buffers, and what the socket's callbacks do with them. Conn adds the
// operations that users see.
//
// The two directions end apart. Input: OPEN, then ENDED (the peer's FIN) or LOST. Output: OPEN, ENDING (end() was called, the outbox still
// drains), then ENDED (our FIN is sent) or LOST. Callbacks never resume a task: they wake it, and the pass at their end runs it.
// What that pass writes to this conn leaves in one kernel write at the callback's end; what other conns' callbacks write to it leaves
// once a loop round.

import { GATHER_BYTES, RECEIVE_HIGH_WATER_BYTES } from "../config.ts";
import type { Flushable, Scheduler } from "../core/scheduler.ts";

import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";
import { Outbox } from "./outbox.ts";
import { ReceiveBuffer } from "./receive-buffer.ts";
import type { RawSocket, SocketHandler } from "./transport.ts";
import type { Task } from "../core/task.ts";

/** A direction carries bytes. */
export const OPEN = 0;
/** Output only: no more is accepted, the outbox still drains. */
export const ENDING = 1;
/** FIN has passed in this direction. */
export const ENDED = 2;
/** The socket is gone without a FIN in this direction. */
export const LOST = 3;

/** A plain conn on its way to TLS, see start-tls.ts: the handshake is under way, then it is a TLS connection. */
export const UPGRADING = 1;
export const UPGRADED = 2;

/** A parked reader: see reading.ts. */
export interface Reader {
  /** Bytes that must fit the buffer for it to go on. */
  readonly wanted: number;
  /** Input arrived, ended or broke: wakes the reader when that is enough. */
  arrived(): void;
}

/** A parked writer: see writing.ts. */
export interface Writer {
  /** The outbox holds less than before, or the output broke: wakes the writer when that is enough. */
  outboxShrank(): void;
}

/** The end of a conn that was told to close: see closing.ts. */
export interface Closer {
  progressed(): void;
  finSent(): void;
  drained(): void;
  inputEnded(): void;
  outputLost(): void;
  discard(bytes: number): void;
  socketClosed(): void;
}

/** Whoever wants to know of the peer's going while it does not read: see http/watch.ts. */
export interface ConnWatcher {
  /** The peer's FIN came. */
  inputEnded(): void;
  /** The socket is gone. */
  socketClosed(): void;
}

/** Whoever a conn belongs to: its listener, or the connect that made it. */
export interface ConnOwner {
  /** The root task that it was made under: `run` waits until the conn is closed. */
  readonly root: Task;
  /** Its conns are TLS connections. */
  readonly secure: boolean;
  /** The conn's socket is closed for good. */
  connClosed(conn: ConnState): void;
}

let lastId = 0;

/** Everything a conn is, but the operations. */
export abstract class ConnState implements SocketHandler, Flushable {
  /** Number of the connection in this process, for messages. */
  readonly id: number;
  /** @internal */ readonly scheduler: Scheduler;
  /** @internal Another one once TLS has begun. */ socket: RawSocket;
  /** @internal */ readonly owner: ConnOwner;
  /** @internal */ readonly received: ReceiveBuffer = new ReceiveBuffer();
  /** @internal */ readonly outbox: Outbox = new Outbox();
  /** @internal */ input: number = OPEN;
  /** @internal */ output: number = OPEN;
  /** @internal */ upgrade = 0;
  /** @internal The parked reader and writer. */ reader: Reader | null = null;
  /** @internal */ writer: Writer | null = null;
  /** @internal */ closing: Closer | null = null;
  /** @internal */ watcher: ConnWatcher | null = null;
  /** @internal The socket is closed. */ gone = false;
  #paused = false;
  /** The kernel refused bytes: only `drained` makes another try worth while. */
  #blocked = false;
  /** Output is flushed without being asked: our own callback is on the stack, or a flush is booked for this loop round. */
  #flushBooked = false;

  constructor(scheduler: Scheduler, socket: RawSocket, owner: ConnOwner, id: number = ++lastId) {
    this.id = id;
    this.scheduler = scheduler;
    this.socket = socket;
    this.owner = owner;
  }

  // --- what operations use ---------------------------------------------------------------------------------------------------

  /** @internal Whether reading has come to an end once the buffer is empty. Gives true at EOF. @throws why no more can be read. */
  inputOver(): boolean {
    if (this.input === OPEN && this.closing === null) return false;
    if (this.closing !== null) throw new ConnectionClosedError(`Cannot read from ${this.describe()}: it was closed`);
    if (this.input === LOST) throw new ConnectionLostError(`Cannot read from ${this.describe()}: the peer reset it`);
    return true;
  }

  /** @internal @throws why nothing more can be written. */
  assertWritable(): void {
    if (this.output === OPEN && this.closing === null) return;
    if (this.output === LOST && this.closing === null)
      throw new ConnectionLostError(`Cannot write to ${this.describe()}: the peer is gone`);
    throw new ConnectionClosedError(
      `Cannot write to ${this.describe()}: ${this.closing === null ? "its write side was ended" : "it was closed"}`,
    );
  }

  /** @internal @throws when what was accepted did not all reach the kernel. */
  assertFlushed(): void {
    if (this.output !== LOST && this.outbox.pending === 0) return;
    if (this.closing !== null) throw new ConnectionClosedError(`Cannot flush ${this.describe()}: it was closed`);
    throw new ConnectionLostError(`Cannot flush ${this.describe()}: the peer is gone`);
  }

  /** @internal A reader parks that needs more than is buffered: a socket paused for the high-water mark goes on. */
  wantMore(): void {
    if (this.received.size <= this.#receiveLimit()) this.resumeInput();
  }

  /** @internal Bytes were taken out of the buffer: lets the socket go on. */
  consumed(): void {
    if (this.#paused && this.received.size <= RECEIVE_HIGH_WATER_BYTES >> 1) this.resumeInput();
  }

  /** @internal Bytes were put into the outbox: sends them, or books a flush. */
  accepted(): void {
    if (this.outbox.pending >= GATHER_BYTES) this.flushNow();
    else if (!this.#flushBooked) this.#bookFlush();
  }

  /** @internal Half-close as soon as the outbox is empty. */
  beginEnd(): void {
    if (this.output !== OPEN) return;
    this.output = ENDING;
    this.flushNow();
  }

  /** Whether the connection is one over TLS. */
  get secure(): boolean {
    return this.owner.secure || this.upgrade === UPGRADED;
  }

  /** IP address of the peer; empty for a unix socket, and once the socket is gone. */
  get remoteAddress(): string {
    // Whatever their types say, sockets have no addresses then.
    return (this.socket.remoteAddress as string | undefined) ?? "";
  }

  /** Port of the peer; 0 for a unix socket, and once the socket is gone. */
  get remotePort(): number {
    return (this.socket.remotePort as number | undefined) ?? 0;
  }

  /** `connection 12`: how messages name it. */
  describe(): string {
    return `connection ${this.id}`;
  }

  #bookFlush(): void {
    this.#flushBooked = true;
    this.scheduler.flushSoon(this);
  }

  /** @internal The loop round is through: what other conns' callbacks wrote to this one leaves in one write. */
  roundEnded(): void {
    this.#flushBooked = false;
    this.flushNow();
  }

  /** @internal Hands the outbox to the kernel, and sends a FIN that waited for it. */
  flushNow(): void {
    const { outbox } = this;
    if (this.gone || this.#blocked) return;
    if (outbox.pending > 0) {
      const { sent } = outbox;
      if (!outbox.flushTo(this.socket)) this.#outputLost();
      else {
        this.scheduler.moved(outbox.sent - sent);
        this.#blocked = outbox.pending > 0;
        this.closing?.progressed();
      }
    }
    if (outbox.pending === 0 && this.output === ENDING) this.#sendFin();
    if (this.writer !== null) this.writer.outboxShrank();
  }

  #sendFin(): void {
    this.output = ENDED;
    this.socket.shutdown();
    this.closing?.finSent();
  }

  // --- socket callbacks ------------------------------------------------------------------------------------------------------

  socketData(chunk: Uint8Array): void {
    if (this.closing !== null) {
      this.closing.discard(chunk.length);
      return;
    }
    const booked = this.#enter();
    this.received.push(chunk);
    if (this.reader !== null) this.reader.arrived();
    this.#leave(booked);
    // Only after the pass: a reader that keeps up has emptied the buffer by now, and pausing costs a system call.
    if (this.received.size > this.#receiveLimit() && !this.#paused && !this.gone) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  socketDrained(): void {
    this.#blocked = false;
    if (this.outbox.pending === 0 && this.output !== ENDING && this.closing === null) return;
    const booked = this.#enter();
    this.flushNow();
    this.closing?.drained();
    this.#leave(booked);
  }

  socketEnded(): void {
    const booked = this.#enter();
    // After a failed write Bun tells of an end although the peer sent a reset.
    if (this.input === OPEN) this.input = this.output === LOST ? LOST : ENDED;
    if (this.reader !== null) this.reader.arrived();
    this.closing?.inputEnded();
    this.watcher?.inputEnded();
    this.#leave(booked);
  }

  socketClosed(error?: unknown): void {
    if (this.gone) return;
    this.gone = true;
    this.scheduler.enter();
    // With our own FIN out, a close stands for the peer's FIN; one with an error is a reset, and what came before it is no whole. Over TLS the
    // peer's end is always told before: a close alone may be a reset, or a broken record.
    const whole = this.output === ENDED && error === undefined && !this.secure;
    if (this.input === OPEN) this.input = whole ? ENDED : LOST;
    if (this.output !== ENDED) this.output = LOST;
    this.outbox.clear();
    this.wakeBoth();
    this.closing?.socketClosed();
    this.watcher?.socketClosed();
    this.owner.connClosed(this);
    this.scheduler.leave();
  }

  /** Between these two our own callback is on the stack: what the pass writes to this conn leaves in one flush at its end. */
  #enter(): boolean {
    const booked = this.#flushBooked;
    this.#flushBooked = true;
    this.scheduler.enter();
    return booked;
  }

  #leave(booked: boolean): void {
    this.scheduler.leave();
    this.#flushBooked = booked;
    if (this.outbox.pending > 0 && !booked) this.flushNow();
  }

  #outputLost(): void {
    if (this.output !== ENDED) this.output = LOST;
    this.outbox.clear();
    this.writer?.outboxShrank();
    this.closing?.outputLost();
  }

  /** @internal */ wakeBoth(): void {
    this.reader?.arrived();
    this.writer?.outboxShrank();
  }

  /** @internal */ resumeInput(): void {
    if (!this.#paused || this.gone) return;
    this.#paused = false;
    this.socket.resume();
  }

  #receiveLimit(): number {
    return Math.max(RECEIVE_HIGH_WATER_BYTES, this.reader?.wanted ?? 0);
  }
}
