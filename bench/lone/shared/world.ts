// A host, a transport and sockets without a kernel: what is written to a socket is counted and forgotten, what it receives is what a bench
// feeds it. With them the real scheduler, connections and HTTP run as they are, and all the time there is, is theirs. The fakes follow Bun
// where it matters for cost: one call of the handler for each chunk, the microtasks drained behind it, the turn behind a round of sockets.

import { drainMicrotasks } from "bun:jsc";

import type { RawListener, RawSocket, SocketAddress, SocketHandler } from "../../../src/net/transport.ts";
import { BenchHost } from "../../micro/shared/driver.ts";

/** One end of a connection whose other end is the bench. It takes whatever is written. */
export class FakeSocket implements RawSocket {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 40_000;
  readonly localPort = 7_000;
  /** Writes so far, and the bytes in them. */
  writes = 0;
  bytesWritten = 0;
  /** Copies of what is written, while somebody looks. */
  copies: string[] | null = null;

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.writes++;
    this.bytesWritten += length;
    if (this.copies !== null)
      this.copies.push(Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).latin1Slice());
    return length;
  }
  // No bench closes or pauses its connections; a kernel would be asked here.
  shutdown(): void {
    throw new Error("Cannot shut down a connection of the bench: it was to stay open");
  }
  end(): void {
    throw new Error("Cannot end a connection of the bench: it was to stay open");
  }
  terminate(): void {
    throw new Error("Cannot reset a connection of the bench: it was to stay open");
  }
  pause(): void {
    throw new Error("Cannot pause a connection of the bench: its reader keeps up");
  }
  resume(): void {
    throw new Error("Cannot resume a connection of the bench: it was never paused");
  }
  setKeepAlive(): boolean {
    return true;
  }
}

/** The transport of one server: it keeps the `accept` that it was given. */
export class FakeTransport {
  #accept: ((socket: RawSocket) => SocketHandler | null) | null = null;

  listen(_address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    this.#accept = accept;
    return { port: 7_000, hostname: "127.0.0.1", stop: () => {} };
  }

  /** A new connection to the server. @throws when nobody listens, or the server refuses. */
  open(socket: FakeSocket): SocketHandler {
    const handler = this.#accept?.(socket) ?? null;
    if (handler === null) throw new Error("Cannot open a connection of the bench: the server does not take it");
    return handler;
  }
}

/** The host of the bench with sockets. */
export class LoneHost extends BenchHost {
  readonly transport: FakeTransport = new FakeTransport();
}

/** One open connection: what it is fed goes to `data`. */
export interface Line {
  readonly socket: FakeSocket;
  /** The callback that a transport would call. */
  data(chunk: Uint8Array): void;
}

/** Feeds `chunk` to each of `lines`, as an event loop does that finds all of them ready. */
export function feed(lines: readonly Line[], chunk: Uint8Array): void {
  for (const line of lines) {
    line.data(chunk);
    // Bun does so behind every socket callback, whether there are any or not: 10 ns.
    drainMicrotasks();
  }
}
