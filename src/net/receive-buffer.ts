// Bytes that arrived and were not read yet, always contiguous: parsers work on `bytes` from `start` to `end`. A chunk that finds the
// buffer empty is adopted as it is; only a chunk that comes on top of unread bytes is copied, into room that doubles. Bytes once
// stored are never moved or overwritten, so a view that was handed out stays good.

/** Received bytes of one conn. */
export class ReceiveBuffer {
  /** Holds the unread bytes from `start` to `end`. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /** Times that something was taken off the front, or all dropped: whoever looked ahead compares it. */
  takes = 0;
  /** True while `bytes` is our own, with room behind `end`. */
  #roomy = false;

  /** Unread bytes. */
  get size(): number {
    return this.end - this.start;
  }

  /** Appends a chunk, which belongs to the buffer from now on. */
  push(chunk: Uint8Array): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#roomy = false;
      return;
    }
    const { end } = this;
    if (!this.#roomy || end + chunk.length > this.bytes.length) this.#grow(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Takes all that is there, or at most `max` bytes, as one view. */
  take(max: number = Number.POSITIVE_INFINITY): Uint8Array {
    const { bytes, start, end } = this;
    if (end - start > max) {
      this.takes++;
      this.start = start + max;
      return bytes.subarray(start, start + max);
    }
    this.clear();
    // The view is skipped where it would be the whole chunk: 40 ns of an echo.
    return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  }

  /** Drops `count` bytes from the front: a parser has used them. */
  skip(count: number): void {
    this.takes++;
    this.start += count;
    if (this.start === this.end) this.clear();
  }

  /** Drops everything, and lets go of the memory. */
  clear(): void {
    this.takes++;
    this.bytes = NOTHING;
    this.start = this.end = 0;
    this.#roomy = false;
  }

  #grow(more: number): void {
    const { size } = this;
    const room = new Uint8Array(Math.max(256, (size + more) * 2));
    room.set(this.bytes.subarray(this.start, this.end));
    this.bytes = room;
    this.start = 0;
    this.end = size;
    this.#roomy = true;
  }
}

const NOTHING = new Uint8Array(0);
