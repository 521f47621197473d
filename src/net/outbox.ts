// Bytes that were accepted from a writer and not yet taken by the kernel. Small writes of one pass are gathered in one buffer, so that they
// leave in one kernel write; a single write, or a large one, is kept as it is and never copied. Gather buffers come from a small
// pool and go back when they are sent: an idle conn holds none.
//
// The outbox never writes by itself: the conn decides when, see `flushTo`.

import { GATHER_BUFFER_BYTES, GATHER_BUFFERS_POOLED_MAX, GATHER_BYTES } from "../config.ts";
import type { RawSocket } from "./transport.ts";

/** A run of bytes to be sent. `gather` tells that the buffer is ours, with room behind `end`. */
interface Segment {
  bytes: Uint8Array;
  start: number;
  end: number;
  gather: boolean;
}

/** Bytes that are copied behind others in front of them: 16 KiB take 1 us, a kernel write of their own 2 to 3, and as much at the peer. */
const COPIED_BYTES_MAX = 16 * 1024;

/**
 * Where a gather buffer is filled from. A part that starts on a page is most often copied behind a few bytes of framing, and glibc before 2.39 on AMD's
 * Zen 3 and 4 takes 5.0 us for 16 KiB that go 1 to 15 bytes further into their page than they come from, 0.37 from 64 on.
 */
const GATHER_START = 64;

/** UTF-16 units of a text that is put together with others, and of all that are. */
const SHORT_TEXT_UNITS_MAX = 256;
const TEXT_UNITS_MAX = 4 * 1024;

const NOTHING = Buffer.allocUnsafe(0);
const pool: Buffer[] = [];
/** For the next outbox that needs some: most often one does at a time. */
let spareSeams: number[] | null = null;

/** What one conn has to send. */
export class Outbox {
  /** Bytes accepted and not yet taken by the kernel. */
  pending = 0;
  /** Bytes that the kernel has taken so far: how clocks see progress. */
  sent = 0;
  /** The last segment, the one that grows; most often the only one. `room` readies it for a writer that fills it in place. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #gather = false;
  /** Short texts behind the last segment: putting them together and making bytes of all at once takes a third of the time of one by one. */
  #text = "";
  /** Where in `#text` one text ends and the next begins. */
  #seams: number[] | null = null;
  /** Full segments before the last one, oldest first. */
  #queue: Segment[] | null = null;

  /** Bytes accepted so far and not thrown away. */
  get accepted(): number {
    return this.sent + this.pending;
  }

  /** Accepts bytes by reference, text as UTF-8. */
  put(data: Uint8Array | string): void {
    if (typeof data === "string") this.pushText(data);
    else this.push(data);
  }

  /** Accepts `data` by reference: it belongs to the outbox until it is sent. */
  push(data: Uint8Array): void {
    const { length } = data;
    if (length === 0) return;
    if (this.#text !== "") this.#encode();
    if (this.start === this.end) {
      if (this.#gather) this.#release();
      this.#adopt(data);
    } else if (length <= COPIED_BYTES_MAX && this.room(length)) {
      this.bytes.set(data, this.end);
      this.end += length;
    } else {
      this.#enqueue();
      this.#adopt(data);
    }
    this.pending += length;
  }

  /** Accepts `text` as UTF-8. */
  pushText(text: string): void {
    const { length } = text;
    if (length > SHORT_TEXT_UNITS_MAX) this.#pushLongText(text);
    else {
      if (this.#text !== "") (this.#seams ??= borrowSeams()).push(this.#text.length);
      this.#text += text;
      this.pending += length;
      if (this.#text.length > TEXT_UNITS_MAX) this.#encode();
    }
  }

  /** Makes bytes of the texts that were put together. They counted a byte a unit so far. */
  #encode(): void {
    const text = this.#text;
    const seams = this.#seams;
    if (text === "") return;
    this.#text = "";
    this.#seams = null;
    this.pending -= text.length;
    if (seams === null) {
      this.#pushLongText(text);
      return;
    }
    const most = text.length * 3;
    this.room(most);
    const written = this.bytes.utf8Write(text, this.end, most);
    if (written === text.length) this.advance(this.end + written);
    else for (const part of apart(text, seams)) this.#pushLongText(part);
    seams.length = 0;
    spareSeams = seams;
  }

  #pushLongText(text: string): void {
    // A UTF-16 unit takes at most three bytes.
    const most = text.length * 3;
    if (most > GATHER_BYTES) {
      this.push(Buffer.from(text, "utf8"));
      return;
    }
    if (most === 0) return;
    this.room(most);
    const written = this.bytes.utf8Write(text, this.end, most);
    this.advance(this.end + written);
  }

  /**
   * Makes the last segment a gather buffer with room for `count` bytes behind `end`, for a writer that fills `bytes` in place and then calls
   * `advance`. `count` is at most `GATHER_BYTES`. Always true, for use in a condition.
   */
  room(count: number): true {
    if (this.#text !== "") this.#encode();
    if (this.#gather && this.end + count <= GATHER_BUFFER_BYTES) return true;
    const size = this.end - this.start;
    const small = !this.#gather && size > 0 && size + count <= COPIED_BYTES_MAX;
    const { bytes, start } = this;
    if (!small) this.#enqueue();
    this.bytes = pool.pop() ?? Buffer.allocUnsafe(GATHER_BUFFER_BYTES);
    this.start = GATHER_START;
    this.end = small ? GATHER_START + size : GATHER_START;
    this.#gather = true;
    // A small write that stood alone joins the ones that follow it.
    if (small)
      this.bytes.set(start === 0 && size === bytes.length ? bytes : bytes.subarray(start, start + size), GATHER_START);
    return true;
  }

  /** The writer that asked for `room` has filled `bytes` up to `end`. */
  advance(end: number): void {
    this.pending += end - this.end;
    this.end = end;
  }

  /** Hands on what the kernel takes, oldest first. Gives false when the socket is gone. What it did not take stays. */
  flushTo(socket: RawSocket): boolean {
    this.#encode();
    if (this.#queue !== null && !this.#flushQueue(socket)) return false;
    if (this.#queue !== null) return true;
    const length = this.end - this.start;
    if (length === 0) return true;
    const taken = socket.write(this.bytes, this.start, length);
    // The write itself may have closed the conn, and with it this outbox.
    if (taken < 0 || this.end === 0) return false;
    this.pending -= taken;
    this.sent += taken;
    if (taken === length) this.#release();
    else this.start += taken;
    return true;
  }

  /** Throws away everything: the socket is gone. */
  clear(): void {
    this.#text = "";
    this.#seams = null;
    this.#queue = null;
    this.pending = 0;
    this.#release();
  }

  #adopt(data: Uint8Array): void {
    this.bytes = data as Buffer;
    this.start = 0;
    this.end = data.length;
    this.#gather = false;
  }

  /** The last segment takes no more: it stands in the queue now. */
  #enqueue(): void {
    if (this.start === this.end) {
      this.#release();
      return;
    }
    this.#queue ??= [];
    this.#queue.push({ bytes: this.bytes, start: this.start, end: this.end, gather: this.#gather });
    this.bytes = NOTHING;
    this.start = this.end = 0;
    this.#gather = false;
  }

  #flushQueue(socket: RawSocket): boolean {
    const queue = this.#queue as Segment[];
    let sent = 0;
    for (const segment of queue) {
      const length = segment.end - segment.start;
      const taken = socket.write(segment.bytes, segment.start, length);
      // The write itself may have closed the conn, and with it this outbox.
      if (taken < 0 || this.#queue !== queue) return false;
      this.pending -= taken;
      this.sent += taken;
      segment.start += taken;
      if (taken < length) break;
      if (segment.gather) giveBack(segment.bytes as Buffer);
      sent++;
    }
    if (sent === queue.length) this.#queue = null;
    else queue.splice(0, sent);
    return true;
  }

  #release(): void {
    if (this.#gather) giveBack(this.bytes);
    this.bytes = NOTHING;
    this.start = this.end = 0;
    this.#gather = false;
  }
}

function borrowSeams(): number[] {
  const seams = spareSeams ?? [];
  spareSeams = null;
  return seams;
}

/**
 * `text` cut where two halves of a surrogate pair have met that were not written together: a text must become the same bytes, and as many, whatever stands
 * beside it. Most often in one part.
 */
function apart(text: string, seams: readonly number[]): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const seam of seams) {
    const isPair = isHalf(text.charCodeAt(seam - 1), 0xd800) && isHalf(text.charCodeAt(seam), 0xdc00);
    if (!isPair) continue;
    parts.push(text.slice(from, seam));
    from = seam;
  }
  parts.push(text.slice(from));
  return parts;
}

/** Whether `unit` is of the 1,024 surrogates from `first` on. */
function isHalf(unit: number, first: number): boolean {
  return (unit & 0xfc00) === first;
}

function giveBack(buffer: Buffer): void {
  if (pool.length < GATHER_BUFFERS_POOLED_MAX) pool.push(buffer);
}
