// Bun's sockets as a transport. A raw socket is Bun's socket itself; what is done here is only what the callbacks need. Each line against a
// trap of Bun's is held by a test in test/bun-contract.

import { ConnectError, ListenError } from "../net/errors.ts";
import { describeAddress, LOOPBACK } from "../net/address.ts";
import { tlsFault, type TlsServerOptions } from "../net/tls.ts";
import type { Handshake, RawListener, RawSocket, SocketAddress, SocketHandler, Transport } from "../net/transport.ts";
import { callbacks, own, type Socket } from "./socket-callbacks.ts";
import { bunTls, secureCallbacks, tlsErrorState } from "./tls.ts";

/** The kernel's sockets. */
export class BunTransport implements Transport {
  listen(address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    const socket = {
      ...callbacks,
      open(raw: Socket): void {
        const handler = accept(raw);
        // With `data` unset no callback does anything, not even the `close` that terminate() fires inside itself.
        if (handler === null) raw.terminate();
        else own(raw, handler);
      },
    };
    return bind(address, socket);
  }

  listenSecure(
    address: SocketAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawListener {
    const fault = tlsFault(tls);
    if (fault !== null) throw new ListenError(`Cannot listen on ${describeAddress(address)}: ${fault}`, "ERR_TLS");
    return bind(address, secureCallbacks(greet), bunTls(tls));
  }

  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler,
    failed: (error: unknown) => void,
  ): () => void {
    let abandoned = false;
    const socket = {
      ...callbacks,
      open(raw: Socket): void {
        if (abandoned) raw.terminate();
        else own(raw, opened(raw));
      },
      // Bun wants the handler, but for a unix path it calls it before Bun.connect returns. The rejection says the same, never too early.
      connectError(): void {},
    };
    attempt(address, socket).catch((error: unknown) => {
      if (!abandoned) failed(connectError(address, error));
    });
    return () => {
      abandoned = true;
    };
  }
}

/** Listens. @throws ListenError for whatever Bun says. */
function bind(
  address: SocketAddress,
  socket: Bun.SocketHandler<SocketHandler | undefined>,
  tls?: Bun.TLSOptions,
): RawListener {
  const options = { allowHalfOpen: true, socket, ...(tls === undefined ? {} : { tls }) };
  try {
    if (address.unix !== undefined) {
      const listener = Bun.listen<SocketHandler | undefined>({ ...options, unix: address.unix });
      return { port: 0, hostname: "", stop: () => listener.stop() };
    }
    const { hostname = LOOPBACK, port = 0 } = address;
    const listener = Bun.listen<SocketHandler | undefined>({ ...options, hostname, port });
    return { port: listener.port, hostname: listener.hostname, stop: () => listener.stop() };
  } catch (error) {
    throw listenError(address, error);
  }
}

/** Connects. Rejects for everything, where Bun.connect throws at once for some addresses, such as a port out of range. */
async function attempt(address: SocketAddress, socket: Bun.SocketHandler<SocketHandler | undefined>): Promise<void> {
  const { unix, hostname = LOOPBACK, port = 0 } = address;
  const options = { allowHalfOpen: true, socket, data: undefined };
  if (unix === undefined) await Bun.connect<SocketHandler | undefined>({ ...options, hostname, port });
  else await Bun.connect<SocketHandler | undefined>({ ...options, unix });
}

function connectError(address: SocketAddress, error: unknown): ConnectError {
  return new ConnectError(`Cannot connect to ${describeAddress(address)}: ${(error as Error).message}`, {
    cause: error,
  });
}

function listenError(address: SocketAddress, error: unknown): ListenError {
  const reason = (error as { code?: string }).code ?? "unknown";
  const state =
    reason === "EADDRINUSE"
      ? "the address is in use"
      : reason === "EACCES"
        ? "permission denied"
        : (tlsErrorState(reason) ?? String((error as Error).message));
  return new ListenError(`Cannot listen on ${describeAddress(address)}: ${state}`, reason, { cause: error });
}
