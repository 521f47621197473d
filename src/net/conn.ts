// A connection: what a handler reads from and writes to. Bytes live in the conn, not in operations, so a cancelled read loses nothing; writes
// are gathered in the outbox and leave in one kernel write at the end of the pass. A conn that was told to close goes on by itself
// until the peer has everything; see closing.ts.

import { OUTBOX_HIGH_WATER_BYTES, READ_UNTIL_BYTES_MAX } from "../config.ts";
import type { Operation } from "../core/operation.ts";
import { Closing } from "./closing.ts";
import { ConnState, ENDED, OPEN, UPGRADING } from "./conn-state.ts";
import { LineLeaf } from "./line-leaf.ts";
import { LineReader } from "./line-reader.ts";
import { MoreLeaf, ReadableLeaf, ReadExactlyLeaf, ReadLeaf, ReadUntilLeaf } from "./reading.ts";
import type { TlsDetails } from "./tls.ts";
import type { NetHost, RawSocket } from "./transport.ts";
import { EndLeaf, FlushLeaf, WritableLeaf, WriteLeaf } from "./writing.ts";

/** Limits of {@link Conn.readUntil} and {@link Conn.readLine}. */
export interface ReadUntilOptions {
  /** Bytes that may come before the delimiter. Default 64 KiB. */
  max?: number;
}

/** One object for all calls that give none: line protocols make one for each message. */
const DEFAULTS: ReadUntilOptions = {};

/** Limit of {@link Conn.tryWrite}. */
export interface TryWriteOptions {
  /** Bytes waiting for the peer from which on nothing is accepted. Default: the high-water mark, 64 KiB. */
  pendingBytesMax?: number;
}

/**
 * A byte stream to a peer, made by `listen`, `serve` or `connect`. One task may read and one may write at a time.
 *
 * @example
 * ```ts
 * import { type Conn, connect, listen, race, run, serve, type Steps } from "millrace";
 *
 * function* greet(conn: Conn): Steps<void> {
 *   yield* conn.write("name? ");
 *   const name = yield* conn.readLine({ max: 100 });
 *   if (name !== null) yield* conn.write(`hello ${name}\n`);
 * } // what was written is sent, and the connection closed, when its handler ends
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: listener.port });
 *     yield* conn.readUntil("? ");
 *     yield* conn.write("ada\n");
 *     return yield* conn.readLine();
 *   };
 *   const { value } = yield* race({ client, server: serve(listener, greet) });
 *   console.log(value); // => "hello ada"
 * }).promise;
 * ```
 */
export class Conn extends ConnState implements Disposable {
  // The leaves that every message uses are made once, on first use, and handed out again when they are over.
  #readLeaf: ReadLeaf | null = null;
  #writeLeaf: WriteLeaf | null = null;
  #moreLeaf: MoreLeaf | null = null;
  #lineLeaf: LineLeaf | null = null;
  #lines: LineReader | null = null;

  // --- reading ---------------------------------------------------------------------------------------------------------------

  /**
   * Reads what is there, at most `max` bytes; parks while nothing is. Gives `null` at the peer's FIN. The array is the caller's to keep.
   * @throws ConnectionLostError after a reset, once all that had arrived was read; ConnectionClosedError after `close()` and `terminate()`; BusyError
   * when another task reads; RangeError at once when `max` is no positive whole number.
   */
  read(max?: number): Operation<Uint8Array | null> {
    if (max !== undefined) assertCount(max, 1, "bytes at most");
    const leaf = this.#readLeaf;
    if (leaf !== null && leaf.handOut()) {
      leaf.max = max ?? Number.POSITIVE_INFINITY;
      return leaf;
    }
    const made = new ReadLeaf(this, max ?? Number.POSITIVE_INFINITY);
    this.#readLeaf ??= made;
    return made;
  }

  /**
   * Reads exactly `count` bytes, as one array; `null` when the stream ends right at its start.
   * @throws UnexpectedEndError when it ends in the middle; the bytes stay readable. Otherwise as {@link read}.
   */
  readExactly(count: number): Operation<Uint8Array | null> {
    assertCount(count, 0, "bytes");
    return new ReadExactlyLeaf(this, count);
  }

  /**
   * Reads up to `delimiter` and drops it; gives the bytes before it, or `null` when the stream ends right at its start.
   * @throws LineTooLongError when `max` bytes hold no delimiter, UnexpectedEndError when the stream ends before one; the bytes stay. Otherwise as {@link read}.
   */
  readUntil(delimiter: string | Uint8Array, options: ReadUntilOptions = DEFAULTS): Operation<Uint8Array | null> {
    // Checked before the leaf is made: one whose constructor throws would be taken for a forgotten operation.
    if (delimiter.length === 0) throw new RangeError("Cannot read until a delimiter: it is empty");
    return new ReadUntilLeaf<Uint8Array>(this, delimiter, maxOf(options), (bytes) => bytes);
  }

  /** Reads a line of UTF-8 ended by LF or CRLF, without that end; otherwise as {@link readUntil}. An empty line is `""`, the end is `null`. */
  readLine(options: ReadUntilOptions = DEFAULTS): Operation<string | null> {
    const max = maxOf(options);
    const leaf = this.#lineLeaf;
    if (leaf !== null && leaf.handOut()) {
      leaf.max = max;
      return leaf;
    }
    this.#lines ??= new LineReader(this.received);
    const made = new LineLeaf(this, this.#lines, max);
    this.#lineLeaf ??= made;
    return made;
  }

  /** Raw readiness: parks until a read would give something, the end and errors included. */
  readable(): Operation<void> {
    return new ReadableLeaf(this);
  }

  /** @internal Parks until more bytes than now are buffered (`true`) or the input is over (`false`). For parsers that work in place. */
  more(): Operation<boolean> {
    const leaf = this.#moreLeaf;
    if (leaf !== null && leaf.handOut()) return leaf;
    const made = new MoreLeaf(this);
    this.#moreLeaf ??= made;
    return made;
  }

  // --- writing ---------------------------------------------------------------------------------------------------------------

  /**
   * Accepts `data` (text as UTF-8) as a whole; parks first while more than the high-water mark waits for the peer. Accepted bytes leave at the end
   * of the pass. An array belongs to the connection until it is sent: do not change it before `flush()` has returned.
   * @throws ConnectionLostError when the connection broke, ConnectionClosedError after `end()`, `close()` and `terminate()`, BusyError when another
   * task waits to write.
   */
  write(data: Uint8Array | string): Operation<void> {
    const leaf = this.#writeLeaf;
    if (leaf !== null && leaf.handOut()) {
      leaf.data = data;
      return leaf;
    }
    const made = new WriteLeaf(this, data);
    this.#writeLeaf ??= made;
    return made;
  }

  /**
   * Accepts `data` as {@link write} does, if fewer than `pendingBytesMax` bytes wait for the peer. Gives false, and has accepted nothing, when more wait, and
   * when the connection takes no bytes any more. Never parks, and may be called from any task or callback: for what goes to many at once, of
   * whom none may hold up the others. It does not queue: what it accepts leaves before the bytes of a task that waits in `write`.
   * @throws RangeError when `pendingBytesMax` is no whole number from 1 on.
   *
   * @example
   * ```ts
   * import { connect, listen, run } from "millrace";
   *
   * await run(function* () {
   *   using listener = yield* listen({ port: 0 });
   *   using conn = yield* connect({ port: listener.port });
   *   console.log(conn.tryWrite("news\n")); // => true
   *   // Nothing has left yet: these five bytes are too many for whoever allows one.
   *   console.log(conn.tryWrite("more\n", { pendingBytesMax: 1 })); // => false
   *   yield* conn.flush();
   * }).promise;
   * ```
   */
  tryWrite(data: Uint8Array | string, options: TryWriteOptions = {}): boolean {
    const { pendingBytesMax = OUTBOX_HIGH_WATER_BYTES } = options;
    if (!Number.isSafeInteger(pendingBytesMax) || pendingBytesMax < 1)
      throw new RangeError(`Cannot write while ${pendingBytesMax} bytes wait: expected a whole number from 1 on`);
    if (this.output !== OPEN || this.closing !== null || this.outbox.pending >= pendingBytesMax) return false;
    this.outbox.put(data);
    this.accepted();
    return true;
  }

  /** Parks until the kernel has taken all that was written. Throws as {@link write}. */
  flush(): Operation<void> {
    return new FlushLeaf(this);
  }

  /** Half-close: parks until all that was written is with the kernel, then sends FIN. Reading goes on. No effect twice. Throws as {@link write}. */
  end(): Operation<void> {
    return new EndLeaf(this);
  }

  /** Raw readiness: parks until a write would be accepted at once, errors included. */
  writable(): Operation<void> {
    return new WritableLeaf(this);
  }

  // --- closing ---------------------------------------------------------------------------------------------------------------

  /**
   * Closes the connection, without waiting: sends what was written, then FIN, and discards input until the peer has closed too or the linger
   * deadline has passed. The process stays up meanwhile. No effect twice.
   */
  close(): void {
    if (this.closing !== null || this.gone) return;
    // Half a handshake has nothing to send that anybody could read.
    if (this.upgrade === UPGRADING) {
      this.terminate();
      return;
    }
    const closing = new Closing(this);
    this.closing = closing;
    this.scheduler.enter();
    this.received.clear();
    this.resumeInput();
    this.wakeBoth();
    closing.begin();
    this.scheduler.leave();
  }

  /** Resets the connection at once: what the peer has not read yet is lost. */
  terminate(): void {
    if (this.gone) return;
    this.received.clear();
    // Never begun: it only tells later operations whose doing this was.
    this.closing ??= new Closing(this);
    this.socket.terminate();
  }

  /**
   * @internal Lets go of the socket, which stays open: the parked reader goes on and sees the end of input, and this conn is over. `null` where
   * anything is under way. (With a reader parked and nothing received the socket is not paused, with nothing to send it is not blocked.)
   */
  release(): RawSocket | null {
    const { reader } = this;
    const isOpen = !this.gone && this.closing === null && this.input === OPEN && this.output === OPEN;
    const isIdle = this.received.size === 0 && this.outbox.pending === 0 && this.writer === null && this.upgrade === 0;
    if (!isOpen || !isIdle || reader === null) return null;
    this.gone = true;
    this.input = this.output = ENDED;
    reader.arrived();
    return this.socket;
  }

  /** As {@link close}: `using conn = ...`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * What TLS has agreed on: the protocol, and who the peer is. `null` on a plain connection, and once the socket is gone. Read anew each time:
   * keep it where it is needed often.
   */
  get tls(): TlsDetails | null {
    if (!this.secure || this.gone) return null;
    return (this.scheduler.host as NetHost).transport.tlsOf(this.socket);
  }

  /** True once the socket is gone, for whatever reason. */
  get closed(): boolean {
    return this.gone;
  }
}

function maxOf({ max = READ_UNTIL_BYTES_MAX }: ReadUntilOptions): number {
  assertCount(max, 0, "bytes before a delimiter");
  return max;
}

/** @throws RangeError when `count` is no whole number from `least` on: a buffer's offsets would be broken by it. */
function assertCount(count: number, least: number, what: string): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(`Cannot read ${count} ${what}: expected a whole number from ${least} on`);
}
