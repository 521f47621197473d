// The operations that write to a conn. Accepting bytes is immediate while the outbox is below its high-water mark; above it one task at a time
// waits in the conn's writer slot. Nothing is accepted before the wait is over: a cancelled write is sent whole or not at all.

import { OUTBOX_HIGH_WATER_BYTES } from "../config.ts";
import { BusyError } from "../core/errors.ts";
import { begin, finish, IDLE, Leaf, PROBE, probed, suspend, thrownNow } from "../core/operation.ts";
import { running, type Task, type Wait } from "../core/task.ts";
import { type ConnState, ENDING, OPEN, type Writer } from "./conn-state.ts";

/** Base of the operations that wait for the outbox. */
export abstract class WritingLeaf extends Leaf<void> implements Writer {
  protected readonly conn: ConnState;
  #task: Task | null = null;

  constructor(conn: ConnState) {
    super();
    this.conn = conn;
  }

  get reason(): string {
    return `${this.conn.describe()} to take bytes`;
  }

  /** Whether the leaf may go on, if only to throw. */
  protected abstract ready(): boolean;
  /** What the leaf does once it is ready; may throw. */
  protected abstract perform(): void;

  // Overrides `next` for the same reason as in reading.ts.
  override next(token?: unknown): IteratorResult<Wait, void> {
    const task = running;
    if (token === undefined) {
      const detour = begin(task, this);
      if (detour !== null) return detour;
      if (this.conn.writer !== null) throw this.#busy();
    } else if (token === task) this.conn.writer = null;
    else if (token === PROBE) return probed(this);
    else throw thrownNow(token);
    if (!this.ready()) return suspend(this);
    this.state = IDLE;
    this.perform();
    return finish(undefined);
  }

  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, void> {
    return suspend(this);
  }

  park(task: Task): void {
    const { conn } = this;
    if (conn.writer !== null) {
      task.kernel.requeue(task, this.#busy());
      return;
    }
    this.#task = task;
    conn.writer = this;
  }

  override dropped(): void {
    this.state = IDLE;
  }

  unpark(): boolean {
    // As in reading.ts.
    if (this.conn.writer === this) this.conn.writer = null;
    this.state = IDLE;
    return true;
  }

  /** The outbox holds less than before, or the output broke: wakes the writer when that is enough. */
  outboxShrank(): void {
    if (!this.ready()) return;
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }

  #busy(): BusyError {
    return new BusyError(`Cannot write to ${this.conn.describe()}: another task is already waiting to write`);
  }
}

/** `conn.write(data)`. */
export class WriteLeaf extends WritingLeaf {
  data: Uint8Array | string;
  #waited = false;

  constructor(conn: ConnState, data: Uint8Array | string) {
    super(conn);
    this.data = data;
  }

  protected ready(): boolean {
    const { conn } = this;
    if (conn.output !== OPEN || conn.closing !== null) return true;
    // A writer that had to wait goes on at half the mark, not at each byte below it.
    const mark = this.#waited ? OUTBOX_HIGH_WATER_BYTES >> 1 : OUTBOX_HIGH_WATER_BYTES;
    return conn.outbox.pending < mark;
  }

  override park(task: Task): void {
    this.#waited = true;
    super.park(task);
  }

  override dropped(): void {
    this.data = "";
    super.dropped();
  }

  /** A cancelled write forgets its bytes: the leaf is kept and handed out again. */
  override unpark(): boolean {
    this.#waited = false;
    this.data = "";
    return super.unpark();
  }

  /** The wait is over: what is to be written, which the leaf forgets. */
  protected takeData(): Uint8Array | string {
    const { data } = this;
    this.#waited = false;
    this.data = "";
    return data;
  }

  protected perform(): void {
    const { conn } = this;
    const data = this.takeData();
    conn.assertWritable();
    conn.outbox.put(data);
    conn.accepted();
  }
}

/** `conn.writable()`. */
export class WritableLeaf extends WritingLeaf {
  protected ready(): boolean {
    const { conn } = this;
    return conn.outbox.pending < OUTBOX_HIGH_WATER_BYTES || conn.output !== OPEN || conn.closing !== null;
  }

  protected perform(): void {}
}

/** `conn.flush()`. */
export class FlushLeaf extends WritingLeaf {
  protected ready(): boolean {
    const { conn } = this;
    if (conn.outbox.pending > 0) conn.flushNow();
    return conn.outbox.pending === 0 || conn.closing !== null;
  }

  protected perform(): void {
    this.conn.assertFlushed();
  }
}

/** `conn.end()`: from its start on the conn accepts no more. */
export class EndLeaf extends WritingLeaf {
  protected ready(): boolean {
    const { conn } = this;
    conn.beginEnd();
    return conn.output !== ENDING || conn.closing !== null;
  }

  protected perform(): void {
    this.conn.assertFlushed();
  }
}
