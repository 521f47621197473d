// Addresses as people read them, and addresses that are names.

import type { ListenAddress, SocketAddress } from "./transport.ts";

/** Where is listened and connected when nothing else is said. */
export const LOOPBACK = "127.0.0.1";

/** `127.0.0.1:7000`, `[::1]:7000`, `unix:/run/app.sock` or `fd:3`. */
export function describeAddress(address: ListenAddress | SocketAddress): string {
  if ("fd" in address && address.fd !== undefined) return `fd:${address.fd}`;
  if (address.unix !== undefined) return `unix:${address.unix.replace(/^\0/, "@")}`;
  const host = address.hostname ?? LOOPBACK;
  return `${host.includes(":") ? `[${host}]` : host}:${address.port ?? 0}`;
}

/** Whether `hostname` is an IP address, and needs no looking up. No name has a colon, and none has four numbers. */
export function isIpAddress(hostname: string): boolean {
  return hostname.includes(":") || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(hostname);
}
