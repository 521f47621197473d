// Addresses as people read them.

import type { SocketAddress } from "./transport.ts";

/** Where is listened and connected when nothing else is said. */
export const LOOPBACK = "127.0.0.1";

/** `127.0.0.1:7000`, `[::1]:7000` or `unix:/run/app.sock`. */
export function describeAddress(address: SocketAddress): string {
  if (address.unix !== undefined) return `unix:${address.unix.replace(/^\0/, "@")}`;
  const host = address.hostname ?? LOOPBACK;
  return `${host.includes(":") ? `[${host}]` : host}:${address.port ?? 0}`;
}
