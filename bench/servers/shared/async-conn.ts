// A connection for plain async functions, written as well as one can: the twin of net/conn.ts with the same buffers and another concurrency.
// What an expert avoids is avoided: a read that finds bytes makes no promise, a write makes one only above the high-water mark, the
// executors of promises are made once, and bytes that somebody waits for bypass the buffer.
//
// Flush policy: one kernel write a batch, as with ours. What was written leaves when the handler next waits for input, which in a
// request and answer server is the end of its batch; a handler that waits for anything else calls `flush()` first.

import { GATHER_BYTES, LINGER_MS, OUTBOX_HIGH_WATER_BYTES, RECEIVE_HIGH_WATER_BYTES } from "../../../src/config.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { LineReader } from "../../../src/net/line-reader.ts";
import { ReceiveBuffer } from "../../../src/net/receive-buffer.ts";
import { LINE_BYTES_MAX } from "./answers.ts";
import { CONNECTIONS_MAX } from "./flags.ts";

type Socket = Bun.Socket<AsyncConn | undefined>;

/** One connection. One function at a time may read and one may write. */
export class AsyncConn {
  readonly received: ReceiveBuffer = new ReceiveBuffer();
  readonly outbox: Outbox = new Outbox();
  readonly #lines: LineReader = new LineReader(this.received);
  readonly #socket: Socket;
  /** The peer's FIN came, or the socket is gone. */
  ended = false;
  gone = false;
  /** Coarse milliseconds at which the owner gives up on this connection. */
  deadline: number = Number.POSITIVE_INFINITY;
  #reader: ((chunk: Uint8Array | null) => void) | null = null;
  #watcher: ((more: boolean) => void) | null = null;
  #drained: (() => void) | null = null;
  /** Bytes at the front of the buffer that are known to hold no line end. */
  #searched = 0;
  #blocked = false;
  #paused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** What is there, or a promise of it while nothing is; `null` at the end of input. */
  read(): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.received.size > 0) {
      const bytes = this.received.take();
      this.consumed();
      return bytes;
    }
    if (this.ended) return null;
    this.flush();
    return new Promise(this.#park);
  }

  /** The next line without its LF, or a promise of it while it is not whole; `null` at the end of input. @throws RangeError for one too long */
  readLine(): string | null | Promise<string | null> {
    return this.#bufferedLine() ?? (this.ended ? null : this.#awaitLine());
  }

  #bufferedLine(): string | null {
    const { received } = this;
    const found = this.#lines.find(this.#searched);
    if (found === -1) {
      this.#searched = received.size;
      if (received.size > LINE_BYTES_MAX)
        throw new RangeError(`Cannot read a line: none within ${LINE_BYTES_MAX} bytes`);
      return null;
    }
    this.#searched = 0;
    const line = this.#lines.take(found);
    this.consumed();
    return line;
  }

  async #awaitLine(): Promise<string | null> {
    for (;;) {
      if (!(await this.more())) return null;
      const line = this.#bufferedLine();
      if (line !== null) return line;
    }
  }

  /** For parsers that work in place: a promise of more bytes in the buffer (`true`), or of the end of input (`false`). */
  more(): boolean | Promise<boolean> {
    if (this.ended) return false;
    this.flush();
    return new Promise(this.#watch);
  }

  /** Accepts `data`, text as UTF-8. A promise, to be awaited before the next write, comes only above the high-water mark. */
  write(data: Uint8Array | string): Promise<void> | undefined {
    if (typeof data === "string") this.outbox.pushText(data);
    else this.outbox.push(data);
    return this.accepted();
  }

  /** Bytes were put into the outbox: hands them on when enough are gathered, and asks the writer to wait when too many are. */
  accepted(): Promise<void> | undefined {
    const { outbox } = this;
    if (outbox.pending < GATHER_BYTES) return undefined;
    this.flush();
    return outbox.pending < OUTBOX_HIGH_WATER_BYTES ? undefined : new Promise(this.#waitForDrain);
  }

  /** Hands what was written to the kernel. */
  flush(): void {
    if (this.outbox.pending === 0 || this.#blocked || this.gone) return;
    if (this.outbox.flushTo(this.#socket)) this.#blocked = this.outbox.pending > 0;
    else this.#lost();
  }

  /** Bytes were taken out of the buffer: a socket that was paused goes on. */
  consumed(): void {
    if (!this.#paused || this.received.size > RECEIVE_HIGH_WATER_BYTES >> 1) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Sends what is left, then FIN; the socket closes when the peer's FIN has come as well. */
  async close(): Promise<void> {
    this.flush();
    while (this.outbox.pending > 0 && !this.gone) await new Promise<void>(this.#waitForDrain);
    if (this.gone) return;
    if (this.ended) this.#socket.end();
    else this.#socket.shutdown();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  // Made once a connection, so that waiting allocates a promise and no closure.
  readonly #park = (resolve: (chunk: Uint8Array | null) => void): void => {
    this.#reader = resolve;
  };
  readonly #watch = (resolve: (more: boolean) => void): void => {
    this.#watcher = resolve;
  };
  readonly #waitForDrain = (resolve: () => void): void => {
    this.#drained = resolve;
  };

  // --- socket callbacks ------------------------------------------------------------------------------------------------------

  data(chunk: Uint8Array): void {
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      reader(chunk);
      return;
    }
    this.received.push(chunk);
    const watcher = this.#watcher;
    if (watcher !== null) {
      this.#watcher = null;
      watcher(true);
    } else if (this.received.size > RECEIVE_HIGH_WATER_BYTES && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  drain(): void {
    this.#blocked = false;
    this.flush();
    if (this.outbox.pending >= OUTBOX_HIGH_WATER_BYTES >> 1) return;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
  }

  inputEnded(): void {
    this.ended = true;
    const [reader, watcher] = [this.#reader, this.#watcher];
    this.#reader = this.#watcher = null;
    reader?.(null);
    watcher?.(false);
  }

  closed(): void {
    this.gone = true;
    this.#lost();
    this.inputEnded();
  }

  #lost(): void {
    this.outbox.clear();
    this.#drained?.();
    this.#drained = null;
  }
}

/** What listens, and its open connections. */
export interface AsyncListener {
  readonly port: number;
  readonly open: ReadonlySet<AsyncConn>;
}

/** A listening socket whose connections are each served by a call of `serve`. */
export function listenAsync(port: number, serve: (conn: AsyncConn) => Promise<void>): AsyncListener {
  const open = new Set<AsyncConn>();
  const run = async (conn: AsyncConn): Promise<void> => {
    try {
      await serve(conn);
    } catch (error) {
      console.error(error);
    }
    // A peer that neither reads nor closes is cut off by the sweep.
    conn.deadline = performance.now() + LINGER_MS;
    await conn.close();
  };
  const listener = Bun.listen<AsyncConn | undefined>({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        if (open.size >= CONNECTIONS_MAX) {
          socket.terminate();
          return;
        }
        const conn = new AsyncConn(socket);
        socket.data = conn;
        open.add(conn);
        void run(conn);
      },
      data: (socket, chunk) => socket.data?.data(chunk),
      drain: (socket) => socket.data?.drain(),
      end: (socket) => socket.data?.inputEnded(),
      close(socket) {
        const conn = socket.data;
        if (conn === undefined) return;
        open.delete(conn);
        conn.closed();
      },
      error(_socket, error) {
        throw error;
      },
    },
  });
  return { port: listener.port, open };
}
