// Bun's sockets as a transport. A raw socket is Bun's socket itself; what is done here is only what the callbacks need. Each line against a
// trap of Bun's is held by a test in test/bun-contract.

import { connectError, ListenError } from "../net/errors.ts";
import { describeAddress, LOOPBACK } from "../net/address.ts";
import {
  TlsFault,
  tlsFault,
  type TlsClientOptions,
  type TlsDetails,
  type TlsIdentities,
  type TlsServerOptions,
} from "../net/tls.ts";
import type {
  Handshake,
  ListenAddress,
  RawListener,
  RawSecureListener,
  RawSocket,
  ResolvedAddress,
  SocketAddress,
  SocketHandler,
  StalePath,
  Transport,
} from "../net/transport.ts";
import { dial } from "./dial.ts";
import { callbacks, own, type Socket } from "./socket-callbacks.ts";
import { SecureGuard, tlsDetails, upgradeClient, upgradeServer } from "./tls.ts";
import { BoundPath, removeStale, withMode } from "./unix-paths.ts";

/** The kernel's sockets. */
export class BunTransport implements Transport {
  handOver(socket: RawSocket, handler: SocketHandler): void {
    own(socket as Socket, handler);
  }

  listen(address: ListenAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    const socket = {
      ...callbacks,
      open(raw: Socket): void {
        const handler = accept(raw);
        // With `data` unset no callback does anything, not even the `close` that terminate() fires inside itself.
        if (handler === null) raw.terminate();
        else own(raw, handler);
      },
    };
    return bind(address, socket, null);
  }

  listenSecure(
    address: ListenAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawSecureListener {
    const fault = tlsFault(tls);
    if (fault !== null) throw new ListenError(`Cannot listen on ${describeAddress(address)}: ${fault}`, "ERR_TLS");
    try {
      const guard = new SecureGuard(tls, greet);
      const listener = bind(address, guard.callbacks, guard.options);
      return { ...listener, reload: (identities: TlsIdentities) => guard.reload(identities) };
    } catch (error) {
      if (!(error instanceof TlsFault)) throw error;
      const { message, reason } = error;
      throw new ListenError(`Cannot listen on ${describeAddress(address)}: ${message}`, reason, { cause: error });
    }
  }

  removeStale(path: string, done: (outcome: StalePath) => void): void {
    removeStale(path, done);
  }

  resolve(
    hostname: string,
    found: (addresses: readonly ResolvedAddress[]) => void,
    failed: (reason: string, cause: unknown) => void,
  ): () => void {
    let abandoned = false;
    lookUp(hostname).then(
      (addresses) => abandoned || found(addresses),
      (error: unknown) => abandoned || failed(reasonOfLookUp(error), error),
    );
    // The system's resolver cannot be stopped; it has deadlines of its own.
    return () => {
      abandoned = true;
    };
  }

  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler | null,
    failed: (error: unknown) => void,
  ): () => void {
    return dial(
      address,
      (raw) => {
        const handler = opened(raw);
        if (handler !== null) own(raw, handler);
      },
      (reason, cause) => failed(connectError(describeAddress(address), reason, cause)),
    );
  }

  secureClient(socket: RawSocket, tls: TlsClientOptions, handshake: Handshake): RawSocket {
    return upgradeClient(socket as Socket, tls, handshake);
  }

  secureServer(socket: RawSocket, tls: TlsServerOptions, early: Uint8Array, handshake: Handshake): RawSocket {
    return upgradeServer(socket as Socket, tls, early, handshake);
  }

  tlsOf(socket: RawSocket): TlsDetails {
    return tlsDetails(socket as Socket);
  }
}

type ListenOptions = Bun.TCPSocketListenOptions<SocketHandler | undefined>;

/** What Bun gives that its types do not know. */
interface BunListener {
  readonly port: number | undefined;
  readonly hostname: string;
  getsockname(into: { address?: string; port?: number }): void;
  stop(): void;
}

/** Listens. @throws ListenError for whatever Bun says. */
function bind(
  address: ListenAddress,
  socket: Bun.SocketHandler<SocketHandler | undefined>,
  tls: Bun.TLSOptions | null,
): RawListener {
  const { fd, unix, hostname = LOOPBACK, port = 0 } = address;
  const where = fd !== undefined ? { fd } : unix !== undefined ? { unix } : { hostname, port };
  try {
    const options = { ...where, allowHalfOpen: true, socket, ...(tls === null ? {} : { tls }) };
    const listener = withMode(address.unixMode, () => Bun.listen(options as ListenOptions)) as unknown as BunListener;
    if (fd !== undefined) return inherited(listener);
    if (unix !== undefined) return atPath(listener, unix);
    return { port: listener.port as number, hostname: listener.hostname, stop: () => listener.stop() };
  } catch (error) {
    throw listenError(address, error);
  }
}

/** A listener at a path or an abstract name. */
function atPath(listener: BunListener, unix: string): RawListener {
  if (unix.startsWith("\0")) return { port: 0, hostname: "", stop: () => listener.stop() };
  const bound = new BoundPath(unix);
  let stopped = false;
  const stop = (): void => {
    if (!stopped) bound.stop(() => listener.stop());
    stopped = true;
  };
  return { port: 0, hostname: "", stop };
}

/** A listener on a socket that somebody else has bound: the system knows where. */
function inherited(listener: BunListener): RawListener {
  const name: { address?: string; port?: number } = {};
  listener.getsockname(name);
  return { port: name.port ?? 0, hostname: name.address ?? "", stop: () => listener.stop() };
}

async function lookUp(hostname: string): Promise<ResolvedAddress[]> {
  const found = await Bun.dns.lookup(hostname);
  return found.map(({ address, family }) => ({ address, family }));
}

/** Bun's own names of the resolver's errors. */
function reasonOfLookUp(error: unknown): string {
  const { code = "unknown" } = error as { code?: string };
  return code === "ERR_INVALID_ARG_TYPE" ? "ENOTFOUND" : code.replace(/^DNS_/, "");
}

function listenError(address: ListenAddress, error: unknown): ListenError {
  const reason = (error as { code?: string }).code ?? "unknown";
  const state =
    address.fd !== undefined && reason === "EINVAL"
      ? "it is no listening socket"
      : (LISTEN_STATES[reason] ?? String((error as Error).message));
  return new ListenError(`Cannot listen on ${describeAddress(address)}: ${state}`, reason, { cause: error });
}

const LISTEN_STATES: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "the address is in use",
};
