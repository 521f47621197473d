// The transport port: the only door from connections to sockets. It is Bun's own socket interface, narrowed to what we use, so that on Bun a
// raw socket is the socket itself and a call costs nothing extra. `bun/transport.ts` opens it on the kernel, `sim/transport.ts` on sockets
// in memory; one contract suite holds both. What a raw socket does is written down here, traps included.
//
// Callbacks may fire synchronously inside a call: `end`, `terminate` and a failing `write` may call `socketClosed` before they return.

import type { FileStore } from "../core/files.ts";
import type { Host } from "../core/host.ts";
import type { TlsClientOptions, TlsDetails, TlsFault, TlsIdentities, TlsServerOptions } from "./tls.ts";

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
  /** Has the kernel ask a peer that is silent for `delayMs` whether it still lives. False where there is no such thing: on a unix socket. */
  setKeepAlive(enabled: boolean, delayMs: number): boolean;
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

/** A place to listen at. */
export interface ListenAddress extends SocketAddress {
  /** A listening socket that this process has inherited, by its file descriptor; it takes the place of all else. */
  readonly fd?: number;
  /** Permissions of a unix path, such as `0o660`. Default: what the process's umask leaves. */
  readonly unixMode?: number;
}

/** An address that a name stands for. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** An open listening socket. */
export interface RawListener {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number;
  readonly hostname: string;
  /** Accepts no more and resets what the kernel had queued. Open connections stay. */
  stop(): void;
}

/** An open listening socket for TLS. */
export interface RawSecureListener extends RawListener {
  /** Connections from now on are shown these identities; those that stand, or shake hands, go on with theirs. @throws TlsFault when it cannot be used. */
  reload(identities: TlsIdentities): void;
}

/** What a transport tells of a TLS connection that is not one yet. Exactly one of the two is called; neither within the call that was given it. */
export interface Handshake {
  /** The handshake is done, and `socket` may be used: gives its handler, or `null` to refuse the connection with a reset. */
  done(socket: RawSocket): SocketHandler | null;
  /** The handshake failed, or the peer left; the socket is gone. Also called within a `terminate` of the socket. */
  failed(fault: TlsFault): void;
}

/**
 * What became of a unix path at which nobody can listen: it was `removed`, as nobody answers on it; it is `alive`, as somebody does or may; it is
 * `foreign`, as it is no socket; or it is `gone`.
 */
export type StalePath = "removed" | "alive" | "foreign" | "gone";

/** A way to make sockets. */
export interface Transport {
  /** Gives a socket another handler: from now on that one is told; at once of the close of a socket that is gone. */
  handOver(socket: RawSocket, handler: SocketHandler): void;
  /**
   * Listens at `address`. `accept` is called for each connection and gives its handler, or `null` to refuse it with a reset.
   * @throws ListenError (net/errors.ts) when the address cannot be bound.
   */
  listen(address: ListenAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener;
  /**
   * Listens at `address` for TLS. `greet` is called for each connection when it stands and its handshake is to begin; it gives who is told of
   * the result, or `null` to refuse it with a reset. Until `done` the socket is only good for `terminate`; how long that may take is the
   * caller's business. Certificates that `tls` asks of clients have been verified by then.
   * @throws ListenError when the address cannot be bound, or when key and certificate cannot be used.
   */
  listenSecure(
    address: ListenAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawSecureListener;
  /** Removes the unix path at `path` if it is a socket on which nobody answers, and tells `done`, never synchronously. A live one is never removed. */
  removeStale(path: string, done: (outcome: StalePath) => void): void;
  /**
   * Finds the addresses of a name, in the system's order of preference; then exactly one of `found` and `failed` is called, never synchronously.
   * `failed` gets the reason, such as `ENOTFOUND`. The function it gives makes sure that neither is.
   */
  resolve(
    hostname: string,
    found: (addresses: readonly ResolvedAddress[]) => void,
    failed: (reason: string, cause: unknown) => void,
  ): () => void;
  /**
   * Connects to `address`, whose host is an IP address; then exactly one of `opened` and `failed` (with a ConnectError) is called, never
   * synchronously. `opened` gives the handler, or `null` when it has handed the socket to `secureClient`. The function it gives abandons the
   * attempt: afterwards neither is called, and nothing of it is left.
   */
  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler | null,
    failed: (error: unknown) => void,
  ): () => void;
  /**
   * Begins TLS on a plain socket as its client; the old handler is told nothing more. `tls` has its `serverName`. Gives the socket that stands for
   * the connection from now on, until `done` only good for `terminate`.
   * @throws TlsFault when keys or certificates cannot be used; the socket is as it was.
   */
  secureClient(socket: RawSocket, tls: TlsClientOptions, handshake: Handshake): RawSocket;
  /** The same as the server. `early` are bytes of the handshake that the old handler was given already; empty for none. */
  secureServer(socket: RawSocket, tls: TlsServerOptions, early: Uint8Array, handshake: Handshake): RawSocket;
  /** What the handshake of a TLS socket has agreed on. */
  tlsOf(socket: RawSocket): TlsDetails;
}

/** A host with sockets and files. */
export interface NetHost extends Host {
  readonly transport: Transport;
  readonly files: FileStore;
}
