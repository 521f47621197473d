// Connecting, so that an attempt can be given up. Bun.connect shows its socket only when the connection stands: one that nobody answers cannot be
// stopped, holds its descriptor for two minutes, and keeps the process up. node:net of Bun makes the same socket beforehand, as the
// `_handle` of its own. So it dials, and what it has dialled is taken over: one of Bun's sockets like any other, with our callbacks.
// What that costs is in docs/decisions/0013. Each line against a trap is held by test/bun-contract/dial.test.ts.

import { LOOPBACK } from "../net/address.ts";
import type { SocketAddress } from "../net/transport.ts";
import { callbacks, type Socket } from "./socket-callbacks.ts";

/** Where node:net keeps its socket, in every version of Node. */
const HANDLE = "_handle";

interface Dialling {
  [HANDLE]: Socket | null;
}

/**
 * Connects to an IP address or a unix path; then exactly one of `opened` and `failed` is called, never synchronously. The function it gives closes
 * the attempt; afterwards neither is called.
 */
export function dial(
  { unix, hostname = LOOPBACK, port = 0 }: SocketAddress,
  opened: (raw: Socket) => void,
  failed: (reason: string, cause: unknown) => void,
): () => void {
  let over = false;
  // Loaded when somebody connects: a server that only listens starts without it.
  const { Socket: NodeSocket } = process.getBuiltinModule("node:net");
  const dialling = new NodeSocket({ allowHalfOpen: true });
  const fail = (error: unknown): void => {
    if (over) return;
    over = true;
    failed(reasonOf(error), error);
  };
  // Stays for good: after an abandon it hears of that.
  dialling.on("error", fail);
  dialling.on("connect", () => {
    // Behind this callback, in which node:net is not done yet, and before any other one.
    queueMicrotask(() => {
      if (over) return;
      over = true;
      opened(takeOver(dialling as unknown as Dialling));
    });
  });
  try {
    dialling.connect(unix === undefined ? { host: hostname, port, autoSelectFamily: false } : { path: unix });
  } catch (error) {
    // A port that is none is told at once.
    queueMicrotask(() => fail(error));
  }
  return () => {
    over = true;
    dialling.destroy();
  };
}

/** Makes the socket ours; node:net hears nothing more of it. */
function takeOver(dialling: Dialling): Socket {
  const raw = dialling[HANDLE] as Socket;
  dialling[HANDLE] = null;
  raw.reload({ socket: callbacks });
  raw.data = undefined;
  return raw;
}

function reasonOf(error: unknown): string {
  const { code = "unknown" } = error as { code?: string };
  return code === "ERR_SOCKET_BAD_PORT" ? "ERR_OUT_OF_RANGE" : code;
}
