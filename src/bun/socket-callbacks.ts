// What Bun is given for every socket: one set of functions that find the owner by `socket.data`. Each line against a trap of Bun's is held by a
// test in test/bun-contract.

import type { SocketHandler } from "../net/transport.ts";

/** A socket of Bun's with its owner. Without one no callback does anything. */
export type Socket = Bun.Socket<SocketHandler | undefined>;

/** Binds the handler. A socket that was closed while its handler was made had nobody to tell: it hears of it here. */
export function own(raw: Socket, handler: SocketHandler): void {
  if (raw.readyState > 0) raw.data = handler;
  else handler.socketClosed();
}

/** Ends the process, outside of Bun's callback: nothing of ours throws in one on purpose, and Bun would go on as if nothing had happened. */
export function fatal(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

/** The callbacks of sockets that are open. */
export const callbacks = {
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
    fatal(error);
  },
};
