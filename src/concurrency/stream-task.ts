// The tasks at the other end of web streams. A stream asks by promises, its task answers by operations: one leaf is parked here at most, and what
// the stream asks for is kept until the task comes to it.

import { isCancelled } from "../core/cancel-tree.ts";
import { AbortError, BusyError, MillraceError } from "../core/errors.ts";
import { finish, Leaf, type Operation, operationOf, suspend } from "../core/operation.ts";
import type { Task, Wait } from "../core/task.ts";
import type { Scope } from "./scope.ts";

/** What the body of `toReadable` writes to. One write at a time. */
export interface StreamWriter<in T> {
  /** Parks until the stream is asked for a chunk, and gives it this one. @throws BusyError when another task waits to write */
  write(chunk: T): Operation<void>;
}

/** What the body of `toWritable` reads from. One task at a time. */
export interface StreamChunks<out T> {
  /** Parks until a chunk is written; `null` when the stream was closed. @throws BusyError when another task waits */
  next(): Operation<T | null>;
}

/** A task that is at the other end of promises, and how it ended. */
abstract class StreamTask {
  readonly #scope: Scope;
  readonly #body: () => Operation<unknown>;
  #task: Task<void> | null = null;
  /** How the body ended. */
  protected ended: { readonly error: unknown } | "returned" | null = null;
  /** The one leaf that may be parked. */
  leaf: StreamLeaf<unknown> | null = null;

  constructor(scope: Scope, body: () => Operation<unknown>) {
    this.#scope = scope;
    this.#body = body;
  }

  /** The body has ended; `ended` tells how. */
  protected abstract over(): void;

  /** @throws ProtocolError when the scope has ended */
  protected begin(): void {
    this.#task ??= this.#scope.spawn(() => this.#run(), "a web stream");
  }

  /** Cancels the body and settles when it has ended: with the error of its clean-up, if it has one. */
  async cancel(): Promise<void> {
    const task = this.#task;
    if (task === null || this.ended !== null) return;
    task.cancel("its web stream was cancelled");
    await task.promise.catch(() => {});
    this.#throwUnlessAborted();
  }

  #throwUnlessAborted(): void {
    const { ended } = this;
    if (ended !== null && ended !== "returned" && !(ended.error instanceof AbortError)) throw ended.error;
  }

  *#run(): Generator<Wait, void, unknown> {
    try {
      yield* operationOf(this.#body, "Cannot run a web stream");
      this.ended = "returned";
    } catch (error) {
      this.ended = {
        error: isCancelled(error) ? new AbortError("Cannot go on with the stream: its task was cancelled") : error,
      };
      if (isCancelled(error)) throw error;
    } finally {
      this.over();
    }
  }
}

/** Feeds a ReadableStream. */
export class Feed<T> extends StreamTask implements StreamWriter<T> {
  #asked: PromiseWithResolvers<T | null> | null = null;

  constructor(scope: Scope, body: (writer: StreamWriter<T>) => Operation<unknown>) {
    super(scope, () => body(this));
  }

  /** The stream asks for a chunk. */
  next(): Promise<T | null> {
    this.begin();
    this.#asked = Promise.withResolvers();
    const { promise } = this.#asked;
    if (this.ended === null) this.leaf?.wake();
    else this.over();
    return promise;
  }

  protected over(): void {
    const { ended } = this;
    const asked = this.#asked;
    this.#asked = null;
    if (asked === null || ended === null) return;
    if (ended === "returned") asked.resolve(null);
    else asked.reject(ended.error);
  }

  write(chunk: T): Operation<void> {
    return new StreamLeaf<void>(this, "a reader of its web stream", {
      ready: () => this.#asked !== null,
      take: () => {
        this.#asked?.resolve(chunk);
        this.#asked = null;
      },
    });
  }
}

/** Empties a WritableStream. */
export class Drain<T> extends StreamTask implements StreamChunks<T> {
  #offered: { readonly chunk: T; readonly taken: PromiseWithResolvers<void> } | null = null;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor(scope: Scope, body: (chunks: StreamChunks<T>) => Operation<unknown>) {
    super(scope, () => body(this));
  }

  write(chunk: T): Promise<void> {
    this.begin();
    const taken = Promise.withResolvers<void>();
    this.#offered = { chunk, taken };
    this.#told();
    return taken.promise;
  }

  close(): Promise<void> {
    this.begin();
    this.#closing = Promise.withResolvers();
    const { promise } = this.#closing;
    this.#told();
    return promise;
  }

  #told(): void {
    if (this.ended === null) this.leaf?.wake();
    else this.over();
  }

  protected over(): void {
    const { ended } = this;
    if (ended === "returned") {
      const error = new MillraceError("ERR_STREAM_OVER", "Cannot write to the stream: its reader has ended");
      this.#offered?.taken.reject(error);
      this.#closing?.resolve();
    } else if (ended !== null) {
      this.#offered?.taken.reject(ended.error);
      this.#closing?.reject(ended.error);
    }
    this.#offered = null;
  }

  next(): Operation<T | null> {
    return new StreamLeaf<T | null>(this, "a writer to its web stream", {
      ready: () => this.#offered !== null || this.#closing !== null,
      take: () => {
        const offered = this.#offered;
        if (offered === null) return null;
        this.#offered = null;
        offered.taken.resolve();
        return offered.chunk;
      },
    });
  }
}

/** A step of the body that waits for the other side. */
class StreamLeaf<T> extends Leaf<T> {
  readonly reason: string;
  readonly #stream: StreamTask;
  readonly #side: { ready(): boolean; take(): T };
  #task: Task | null = null;

  constructor(stream: StreamTask, reason: string, side: { ready(): boolean; take(): T }) {
    super();
    this.reason = reason;
    this.#stream = stream;
    this.#side = side;
  }

  protected start(): IteratorResult<Wait, T> {
    if (this.#stream.leaf !== null) throw busy();
    return this.#side.ready() ? finish(this.#side.take()) : suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    this.#stream.leaf = null;
    return finish(this.#side.take());
  }

  park(task: Task): void {
    const { kernel } = task;
    if (this.#stream.leaf !== null) {
      kernel.requeue(task, busy());
      return;
    }
    this.#stream.leaf = this as StreamLeaf<unknown>;
    this.#task = task;
    kernel.host.hold();
  }

  unpark(task: Task): boolean {
    this.#stream.leaf = null;
    this.#task = null;
    task.kernel.host.release();
    return true;
  }

  /** The other side has come. */
  wake(): void {
    const task = this.#task;
    if (task === null) return;
    this.#task = null;
    const { kernel } = task;
    kernel.enter();
    kernel.host.release();
    kernel.wake(task, this);
    kernel.leave();
  }
}

function busy(): BusyError {
  return new BusyError("Cannot use the web stream: another task is already waiting for its other side");
}
