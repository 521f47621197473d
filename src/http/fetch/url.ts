// The URL of a request as one flat string. Routers look at each character of it, and a string put together from three would be flattened by the
// first look. So the bytes are laid out one behind the other and made a string once; scheme and host stay in place from the last request,
// because most servers are asked for one host (a request through Hono: 300 against 410 ns for URL and path, target of 30 bytes).

import type { Exchange } from "../exchange.ts";
import { latin1Bytes, sliceLatin1 } from "../wire/text.ts";

/** Bytes laid out at most; a longer URL is put together from strings. */
const LAID_OUT_BYTES_MAX = 2_048;

const SLASH = 0x2f;
const schemes: readonly Uint8Array[] = [latin1Bytes("http://"), latin1Bytes("https://")];

/** What stood here last: a scheme, and from `hostStart` to `hostEnd` a host. */
const layout = new Uint8Array(LAID_OUT_BYTES_MAX);
let laidOut: Uint8Array | null = null;
let hostStart = 0;
let hostEnd = 0;

/** The URL that `exchange` was asked for, with the host that it names; empty when it is no plain one and must be put together. */
export function plainUrl(exchange: Exchange): string {
  const { bytes, start, framing, host } = exchange;
  const hostBytes = framing.hostEnd - framing.hostStart;
  const targetBytes = framing.pathEnd - framing.pathStart;
  const target = start + framing.pathStart;
  if (host.trust !== null || hostBytes === 0 || bytes[target] !== SLASH) return "";
  if (hostBytes + targetBytes > LAID_OUT_BYTES_MAX - 8) return "";
  layOutHost(schemes[host.conn.secure ? 1 : 0]!, bytes, start + framing.hostStart, hostBytes);
  const end = hostEnd + targetBytes;
  for (let from = target, to = hostEnd; to < end; from++, to++) layout[to] = bytes[from]!;
  return sliceLatin1(layout, 0, end);
}

function layOutHost(scheme: Uint8Array, bytes: Uint8Array, from: number, length: number): void {
  if (laidOut === scheme && hostEnd - hostStart === length) {
    let i = 0;
    while (i < length && layout[hostStart + i] === bytes[from + i]) i++;
    if (i === length) return;
  }
  laidOut = scheme;
  layout.set(scheme, 0);
  hostStart = scheme.length;
  hostEnd = hostStart + length;
  for (let i = 0; i < length; i++) layout[hostStart + i] = bytes[from + i]!;
}
