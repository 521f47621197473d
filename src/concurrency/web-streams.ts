// Web streams, both ways. What comes in is read as any items of promise code are (each.ts). What goes out is fed by a task of a scope that the caller
// names; it starts when the stream is first asked for something, is parked while nobody asks, and is cancelled when the other side
// gives the stream up. Its errors go to the other side, and not to the scope.

import type { Operation } from "../core/operation.ts";
import { type Items, PulledItems } from "./each.ts";
import type { Scope } from "./scope.ts";
import { Drain, Feed, type StreamChunks, type StreamWriter } from "./stream-task.ts";
import { until } from "./until.ts";

/**
 * Reads a web stream, chunk by chunk; the stream is locked from now on. `close` cancels it.
 * @throws TypeError when the stream is locked
 *
 * @example
 * ```ts
 * import { fromReadable, run } from "millrace";
 *
 * await run(function* () {
 *   using chunks = fromReadable(new Blob(["flour"]).stream());
 *   for (let chunk: Uint8Array | null; (chunk = yield* chunks.next()) !== null;) {
 *     console.log(chunk.length); // => 5
 *   }
 * }).promise;
 * ```
 */
export function fromReadable<T>(stream: ReadableStream<T>): Items<T> {
  const reader = stream.getReader();
  return new PulledItems<T>(
    () => reader.read(),
    () => reader.cancel(),
  );
}

/**
 * A web stream of what `body` writes, in a task of `scope`. The task starts with the first read and goes on when a chunk is asked for. The
 * stream ends with the body and fails with its error; cancelling the stream cancels the task.
 *
 * @example
 * ```ts
 * import { run, scope, toReadable, until } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const stream = toReadable<string>(tasks, function* (writer) {
 *       for (const grain of ["rye", "oats"]) yield* writer.write(grain);
 *     });
 *     console.log(yield* until(Array.fromAsync(stream))); // => ["rye", "oats"]
 *   }),
 * ).promise;
 * ```
 */
export function toReadable<T>(scope: Scope, body: (writer: StreamWriter<T>) => Operation<unknown>): ReadableStream<T> {
  const feed = new Feed<T>(scope, body);
  return pulledStream(
    () => feed.next(),
    () => feed.cancel(),
  );
}

/** @internal A stream that asks `next` for a chunk when one is read, and no earlier; `null` is the end. */
export function pulledStream<T>(
  next: () => T | null | Promise<T | null>,
  cancel: () => void | Promise<void>,
): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const chunk = await next();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}

/** A web stream to write to. Disposing of it before `end` aborts it. */
export interface StreamSink<in T> extends Disposable {
  /** Parks until the stream has taken the chunk; one whose wait is cancelled is taken all the same. Throws what the stream failed with. */
  write(chunk: T): Operation<void>;
  /** Parks until the stream has taken everything and is closed. */
  end(): Operation<void>;
}

/**
 * Writes to a web stream, which is locked from now on. @throws TypeError when it is locked
 *
 * @example
 * ```ts
 * import { fromWritable, run } from "millrace";
 *
 * const { readable, writable } = new TextDecoderStream();
 * const text = Array.fromAsync(readable);
 * await run(function* () {
 *   using sink = fromWritable(writable);
 *   yield* sink.write(new TextEncoder().encode("flour"));
 *   yield* sink.end();
 * }).promise;
 * console.log(await text); // => ["flour"]
 * ```
 */
export function fromWritable<T>(stream: WritableStream<T>): StreamSink<T> {
  const writer = stream.getWriter();
  // Its failures come out of the writes.
  writer.closed.catch(() => {});
  let isOver = false;
  return {
    write: (chunk) => until(() => writer.write(chunk)),
    end: () =>
      until(() => {
        isOver = true;
        return writer.close();
      }),
    [Symbol.dispose]() {
      if (!isOver) writer.abort().catch(() => {});
      isOver = true;
    },
  };
}

/**
 * A web stream whose chunks `body` reads, in a task of `scope`. The task starts with the first write; a write is over when its chunk was taken,
 * `close` when the body has ended. A body that ends before, or fails, fails the writes that follow; aborting the stream cancels the task.
 *
 * @example
 * ```ts
 * import { run, scope, toWritable, until } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const stream = toWritable<Uint8Array>(tasks, function* (chunks) {
 *       for (let chunk: Uint8Array | null; (chunk = yield* chunks.next()) !== null;) {
 *         console.log(chunk.length); // => 5
 *       }
 *     });
 *     yield* until(new Blob(["flour"]).stream().pipeTo(stream));
 *   }),
 * ).promise;
 * ```
 */
export function toWritable<T>(scope: Scope, body: (chunks: StreamChunks<T>) => Operation<unknown>): WritableStream<T> {
  const drain = new Drain<T>(scope, body);
  return new WritableStream<T>({
    write: (chunk) => drain.write(chunk),
    close: () => drain.close(),
    abort: () => drain.cancel(),
  });
}
