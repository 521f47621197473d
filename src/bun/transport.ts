// Bun's sockets as a transport. A raw socket is Bun's socket itself; what is done here is only what the callbacks need. Each line against a
// trap of Bun's is held by a test in test/bun-contract.

import { ConnectError, ListenError } from "../net/errors.ts";
import { describeAddress } from "../net/address.ts";
import type { RawListener, RawSocket, SocketAddress, SocketHandler, Transport } from "../net/transport.ts";

type Socket = Bun.Socket<SocketHandler | undefined>;

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
    try {
      if (address.unix !== undefined) {
        const listener = Bun.listen<SocketHandler | undefined>({ unix: address.unix, allowHalfOpen: true, socket });
        return { port: 0, hostname: "", stop: () => listener.stop() };
      }
      const { hostname = "127.0.0.1", port = 0 } = address;
      const listener = Bun.listen<SocketHandler | undefined>({ hostname, port, allowHalfOpen: true, socket });
      return { port: listener.port, hostname: listener.hostname, stop: () => listener.stop() };
    } catch (error) {
      throw listenError(address, error);
    }
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

/** Binds the handler. A socket that was closed while its handler was made had nobody to tell: it hears of it here. */
function own(raw: Socket, handler: SocketHandler): void {
  if (raw.readyState > 0) raw.data = handler;
  else handler.socketClosed();
}

/** Connects. Rejects for everything, where Bun.connect throws at once for some addresses, such as a port out of range. */
async function attempt(address: SocketAddress, socket: Bun.SocketHandler<SocketHandler | undefined>): Promise<void> {
  const { unix, hostname = "127.0.0.1", port = 0 } = address;
  const options = { allowHalfOpen: true, socket, data: undefined };
  if (unix === undefined) await Bun.connect<SocketHandler | undefined>({ ...options, hostname, port });
  else await Bun.connect<SocketHandler | undefined>({ ...options, unix });
}

/** One set of functions for all sockets: they find the conn by `socket.data`. */
const callbacks = {
  data(raw: Socket, chunk: Uint8Array): void {
    raw.data?.socketData(chunk);
  },
  drain(raw: Socket): void {
    raw.data?.socketDrained();
  },
  end(raw: Socket): void {
    raw.data?.socketEnded();
  },
  close(raw: Socket, error?: unknown): void {
    const handler = raw.data;
    raw.data = undefined;
    handler?.socketClosed(error);
  },
  error(_raw: Socket, error: Error): void {
    // Nothing of ours throws in a callback on purpose, and Bun would go on as if nothing had happened.
    setImmediate(() => {
      throw error;
    });
  },
};

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
        : String((error as Error).message);
  return new ListenError(`Cannot listen on ${describeAddress(address)}: ${state}`, reason, { cause: error });
}
