// Bytes in the order in which they came. Chunks go in whole and come out cut anywhere; what comes out is always a copy of its own.

import { RingBuffer } from "../core/ring-buffer.ts";

/** A first-in, first-out queue of bytes. */
export class ByteQueue {
  /** Bytes in the queue. */
  length = 0;
  #rest: RingBuffer<Uint8Array> = new RingBuffer(8);
  /** The oldest chunk, cut where it was read last. */
  #first: Uint8Array = EMPTY;

  /** Appends `chunk`, which is the queue's from now on. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#rest.push(chunk);
    this.length += chunk.length;
  }

  /** The oldest chunk, not taken: empty only when the queue is. Not to be changed. */
  peek(): Uint8Array {
    if (this.#first.length === 0) this.#first = this.#rest.shift() ?? EMPTY;
    return this.#first;
  }

  /** Takes the first `count` bytes, or all when there are fewer, into fresh memory of that size. A Buffer, as Bun's chunks are. */
  take(count: number): Buffer {
    const taken = Buffer.from(new ArrayBuffer(Math.min(count, this.length)));
    for (let filled = 0; filled < taken.length;) {
      const part = this.peek().subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#first = this.#first.subarray(part.length);
    }
    this.length -= taken.length;
    return taken;
  }

  clear(): void {
    this.#rest = new RingBuffer(8);
    this.#first = EMPTY;
    this.length = 0;
  }
}

/** A copy for sure: `slice` of a Buffer is a view. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const EMPTY: Uint8Array = new Uint8Array(0);
