// The transport port: the only door from connections to sockets. It is Bun's own socket interface, narrowed to what we use, so that on Bun a
// raw socket is the socket itself and a call costs nothing extra. `bun/transport.ts` opens it on the kernel, `sim/transport.ts` on sockets
// in memory; one contract suite holds both. What a raw socket does is written down here, traps included.
//
// Callbacks may fire synchronously inside a call: `end`, `terminate` and a failing `write` may call `socketClosed` before they return.

import type { FileStore } from "../core/files.ts";
import type { Host } from "../core/host.ts";
import type { TlsServerOptions } from "./tls.ts";

/** A connected stream socket. */
export interface RawSocket {
  /**
   * Hands `length` bytes from `offset` on to the kernel in one call. Gives how many it took: all, some, 0 (it is full, or `length` is 0), or
   * -1 when the socket is gone or its write side is shut down. What it did not take stays with the caller, who tries again at `socketDrained`.
   * Over TLS the last of what it took may wait in the process for room in the kernel, and a FIN behind it: a write of no bytes after
   * `shutdown` then gives 0 and not -1, until `socketDrained`.
   */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /** Sends FIN after what `write` has accepted. Reading goes on; `write` gives -1 from now on. */
  shutdown(): void;
  /**
   * Closes both directions at once. Input that was not read makes the kernel reset the peer, which may lose what `write` has accepted.
   * Over TLS only to be called after a `shutdown` whose FIN is with the kernel: before, it waits for the peer without a limit, and
   * `terminate` does nothing any more.
   */
  end(): void;
  /** Resets the connection: what is under way in either direction is lost. */
  terminate(): void;
  /** Stops `socketData`. While paused the peer's FIN is not seen; a reset still delivers what had arrived. May cause a spurious `socketDrained`. */
  pause(): void;
  /** Undoes `pause`. May cause a spurious `socketDrained`. */
  resume(): void;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
}

/** What a transport tells the owner of a raw socket. */
export interface SocketHandler {
  /** Bytes arrived. The chunk is the receiver's to keep. */
  socketData(chunk: Uint8Array): void;
  /** The kernel may take more; often true, sometimes spurious: try again. */
  socketDrained(): void;
  /**
   * The peer has sent FIN: no more `socketData`. Not told on a plain socket when our own FIN went first: then `socketClosed` follows at once.
   * Over TLS the peer's close_notify counts, and a FIN that comes without one is not told from it.
   */
  socketEnded(): void;
  /** The socket is gone, for whatever reason; called exactly once and last. The reason is often lost: `error` may be missing after a reset. */
  socketClosed(error?: unknown): void;
}

/** A place to listen at or connect to. */
export interface SocketAddress {
  /** Host name or IP address. Default `127.0.0.1`: this machine only; `0.0.0.0` or `::` listens for all. */
  readonly hostname?: string;
  /** 0 = any free port. */
  readonly port?: number;
  /** Path of a unix socket; abstract when it begins with a NUL. */
  readonly unix?: string;
}

/** An open listening socket. */
export interface RawListener {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number;
  readonly hostname: string;
  /** Accepts no more and resets what the kernel had queued. Open connections stay. */
  stop(): void;
}

/** What a transport tells of a TLS connection that is not one yet. Exactly one of the two is called; neither within the call that was given it. */
export interface Handshake {
  /** The handshake is done, the socket may be used: gives its handler, or `null` to refuse the connection with a reset. */
  done(): SocketHandler | null;
  /** The handshake failed, or the peer left; the socket is gone. Also called within a `terminate` of the socket. */
  failed(): void;
}

/** A way to make sockets. */
export interface Transport {
  /**
   * Listens at `address`. `accept` is called for each connection and gives its handler, or `null` to refuse it with a reset.
   * @throws ListenError (net/errors.ts) when the address cannot be bound.
   */
  listen(address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener;
  /**
   * Listens at `address` for TLS. `greet` is called for each connection when it stands and its handshake is to begin; it gives who is told of
   * the result, or `null` to refuse it with a reset. Until `done` the socket is only good for `terminate`; how long that may take is the
   * caller's business.
   * @throws ListenError when the address cannot be bound, or when key and certificate cannot be used.
   */
  listenSecure(
    address: SocketAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawListener;
  /**
   * Connects to `address`; then exactly one of `opened` (which gives the handler) and `failed` is called, never synchronously.
   * The function it gives abandons the attempt: afterwards neither is called.
   */
  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler,
    failed: (error: unknown) => void,
  ): () => void;
}

/** A host with sockets and files. */
export interface NetHost extends Host {
  readonly transport: Transport;
  readonly files: FileStore;
}
