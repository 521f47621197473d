// The operations that read from a conn. One task reads at a time: it holds the conn's reader slot from its park until it goes on.
// The callback that brings bytes asks the parked leaf whether they are enough, so a reader is resumed once, however the bytes come.

import { BusyError } from "../core/errors.ts";
import { begin, finish, IDLE, Leaf, PROBE, probed, suspend, thrownNow } from "../core/operation.ts";
import { running, type Task, type Wait } from "../core/task.ts";
import { type ConnState, OPEN, type Reader } from "./conn-state.ts";
import { LineTooLongError, UnexpectedEndError } from "./errors.ts";

/** Base of the operations that wait for input. */
export abstract class ReadingLeaf<out T> extends Leaf<T> implements Reader {
  /** Bytes that must fit the buffer for this leaf to go on. */
  wanted = 0;
  protected readonly conn: ConnState;
  #task: Task | null = null;

  constructor(conn: ConnState) {
    super();
    this.conn = conn;
  }

  get reason(): string {
    return `bytes from ${this.conn.describe()}`;
  }

  /** Whether the buffer, or the end of input, lets the leaf go on. */
  protected abstract ready(): boolean;
  /** The leaf's value, when it is ready; may throw. */
  protected abstract value(): T;

  // Overrides `next` to save two calls on the way of every message: bench/micro/resume.ts.
  override next(token?: unknown): IteratorResult<Wait, T> {
    const task = running;
    if (token === undefined) {
      const detour = begin(task, this);
      // With nothing to read the step ends here anyway. To postpone it would leave nobody to take what comes next, and the socket would be paused for
      // it: 3 system calls and 6 % of a request with a body and an answer of 1 MB.
      if (detour !== null) return this.#mustWait(task as Task) ? suspend(this) : detour;
      if (this.conn.reader !== null) throw this.#busy();
    } else if (token === task) this.conn.reader = null;
    else if (token === PROBE) return probed(this);
    else throw thrownNow(token);
    if (!this.ready()) return suspend(this);
    this.state = IDLE;
    return finish(this.value());
  }

  protected start(): IteratorResult<Wait, T> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, T> {
    return suspend(this);
  }

  park(task: Task): void {
    const { conn } = this;
    if (conn.reader !== null) {
      task.kernel.requeue(task, this.#busy());
      return;
    }
    this.#task = task;
    conn.reader = this;
    conn.wantMore();
  }

  override dropped(): void {
    this.state = IDLE;
  }

  unpark(): boolean {
    // A composite also unparks a leaf that found the slot taken.
    if (this.conn.reader === this) this.conn.reader = null;
    this.state = IDLE;
    return true;
  }

  /** Input arrived, ended or broke: wakes the reader when that is enough. */
  arrived(): void {
    if (!this.ready()) return;
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }

  #mustWait(task: Task): boolean {
    return task.node.cause === null && this.conn.reader === null && !this.ready();
  }

  #busy(): BusyError {
    return new BusyError(`Cannot read from ${this.conn.describe()}: another task is already reading`);
  }
}

/** `conn.read(max)`. */
export class ReadLeaf extends ReadingLeaf<Uint8Array | null> {
  max: number;

  constructor(conn: ConnState, max: number) {
    super(conn);
    this.max = max;
  }

  protected ready(): boolean {
    const { conn } = this;
    return conn.received.end > conn.received.start || conn.input !== OPEN || conn.closing !== null;
  }

  protected value(): Uint8Array | null {
    const { conn } = this;
    if (conn.received.size === 0 && conn.inputOver()) return null;
    const bytes = conn.received.take(this.max);
    conn.consumed();
    return bytes;
  }
}

/** `conn.readable()`. */
export class ReadableLeaf extends ReadingLeaf<void> {
  protected ready(): boolean {
    const { conn } = this;
    return conn.received.size > 0 || conn.input !== OPEN || conn.closing !== null;
  }

  protected value(): void {}
}

/** `conn.more()`: parsers that work in place wait with it. */
export class MoreLeaf extends ReadingLeaf<boolean> {
  /** Bytes that the parser has looked at: those of when it asked, as more may come while its task waits for a turn. */
  #seen: number;

  constructor(conn: ConnState) {
    super(conn);
    this.#seen = conn.received.size;
    this.wanted = this.#seen + 1;
  }

  override handOut(): boolean {
    // Not before: a parked leaf that is asked for again must not forget what it has seen.
    if (!super.handOut()) return false;
    this.#seen = this.conn.received.size;
    this.wanted = this.#seen + 1;
    return true;
  }

  protected ready(): boolean {
    const { received, input, closing } = this.conn;
    return received.size > this.#seen || input !== OPEN || closing !== null;
  }

  protected value(): boolean {
    return this.conn.received.size > this.#seen || !this.conn.inputOver();
  }
}

/** `conn.readExactly(count)`. */
export class ReadExactlyLeaf extends ReadingLeaf<Uint8Array | null> {
  constructor(conn: ConnState, count: number) {
    super(conn);
    this.wanted = count;
  }

  protected ready(): boolean {
    const { conn, wanted } = this;
    return conn.received.size >= wanted || conn.input !== OPEN || conn.closing !== null;
  }

  protected value(): Uint8Array | null {
    const { conn, wanted } = this;
    const { size } = conn.received;
    if (size < wanted && conn.inputOver()) {
      if (size === 0) return null;
      throw new UnexpectedEndError(
        `Cannot read ${wanted} bytes from ${conn.describe()}: its input ended after ${size}`,
      );
    }
    const bytes = conn.received.take(wanted);
    conn.consumed();
    return bytes;
  }
}

/** `conn.readUntil(delimiter)` and `conn.readLine()`; `convert` makes the value of the bytes. */
export class ReadUntilLeaf<out T> extends ReadingLeaf<T | null> {
  readonly #delimiter: Uint8Array;
  readonly #max: number;
  readonly #convert: (bytes: Uint8Array) => T;
  /** Bytes already searched, and where the delimiter was found: -1 for not yet. Both count from the first unread byte. */
  #searched = 0;
  #found = -1;

  constructor(conn: ConnState, delimiter: string | Uint8Array, max: number, convert: (bytes: Uint8Array) => T) {
    super(conn);
    this.#delimiter = typeof delimiter === "string" ? Buffer.from(delimiter, "utf8") : delimiter;
    this.#max = max;
    this.#convert = convert;
    this.wanted = max + this.#delimiter.length;
  }

  protected ready(): boolean {
    const { conn } = this;
    if (this.#found === -1) this.#search();
    return this.#found !== -1 || conn.received.size >= this.wanted || conn.input !== OPEN || conn.closing !== null;
  }

  protected value(): T | null {
    const { conn } = this;
    const found = this.#found;
    if (found !== -1 && found <= this.#max) {
      const bytes = conn.received.take(found);
      conn.received.skip(this.#delimiter.length);
      conn.consumed();
      return this.#convert(bytes);
    }
    const { size } = conn.received;
    if (found !== -1 || size >= this.wanted) {
      throw new LineTooLongError(
        `Cannot read up to a delimiter from ${conn.describe()}: none within ${this.#max} bytes`,
      );
    }
    if (conn.inputOver() && size === 0) return null;
    throw new UnexpectedEndError(
      `Cannot read up to a delimiter from ${conn.describe()}: its input ended after ${size} bytes without one`,
    );
  }

  #search(): void {
    const { bytes, start, end } = this.conn.received;
    const delimiter = this.#delimiter;
    const first = delimiter[0] as number;
    const last = end - delimiter.length;
    let at = bytes.indexOf(first, start + this.#searched);
    while (at !== -1 && at <= last) {
      if (matches(bytes, at, delimiter)) {
        this.#found = at - start;
        return;
      }
      at = bytes.indexOf(first, at + 1);
    }
    this.#searched = Math.max(0, last + 1 - start);
  }
}

function matches(bytes: Uint8Array, at: number, delimiter: Uint8Array): boolean {
  for (let i = 1; i < delimiter.length; i++) if (bytes[at + i] !== delimiter[i]) return false;
  return true;
}
