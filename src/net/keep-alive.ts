// TCP keep-alive: the kernel's own question to a peer that is silent, for connections on which silence is normal and a peer that vanished
// without a word would never be noticed.

import type { RawSocket } from "./transport.ts";

/** Keep-alive of a connection's socket. Not on unix sockets, whose peers cannot vanish unseen. */
export interface KeepAlive {
  /** Ms of silence after which the kernel begins to ask, from one second to nine hours. It asks every second, and gives up after ten. */
  readonly delayMs: number;
}

/** @throws RangeError when the delay is none that the kernel takes. */
export function assertKeepAlive(keepAlive: KeepAlive | undefined): void {
  if (keepAlive === undefined) return;
  const { delayMs } = keepAlive;
  if (delayMs >= 1_000 && delayMs <= DELAY_SECONDS_MAX * 1_000) return;
  throw new RangeError(
    `Cannot keep connections alive with a delay of ${delayMs} ms: expected 1000 to ${DELAY_SECONDS_MAX * 1_000}`,
  );
}

/** Sets it on a fresh socket. */
export function keepAlive(socket: RawSocket, options: KeepAlive | undefined): void {
  // The kernel counts in whole seconds, and what is cut down to none would leave its two hours as they are.
  if (options !== undefined) socket.setKeepAlive(true, Math.ceil(options.delayMs / 1_000) * 1_000);
}

/** What fits the kernel's sixteen bits. */
const DELAY_SECONDS_MAX = 32_767;
