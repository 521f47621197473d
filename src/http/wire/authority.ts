// The host and port of a Host field or of an absolute-form target: uri-host [ ":" port ] (RFC 9110 section 7.2, RFC 3986 section 3.2).
// Grammar only: it does not resolve, normalise or compare, and a name that it accepts (`1.2.3.4.5`) may still be refused by a URL
// parser. No user information, no empty host; a port is a number below 65536 or empty.

import { alphanumericBytes, hexDigits } from "./headers.ts";
import { sliceLatin1 } from "./text.ts";

const COLON = 0x3a;
const PERCENT = 0x25;

const FUTURE = /^v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+$/i;

/** 1 for the bytes of a reg-name but "%": unreserved and sub-delims. */
const nameBytes: Uint8Array = alphanumericBytes("-._~!$&'()*+,;=");
/** 1 for the bytes between the brackets of an IP literal: IPv6 with an embedded IPv4, or IPvFuture. */
const literalBytes: Uint8Array = alphanumericBytes("-._~!$&'()*+,;=:");

/** Whether the bytes from `from` to `to` are a host that is not empty, with or without a port. */
export function isAuthority(bytes: Uint8Array, from: number, to: number): boolean {
  if (from === to) return false;
  const hostEnd = bytes[from] === 0x5b ? endOfLiteral(bytes, from, to) : endOfName(bytes, from, to);
  if (hostEnd === -1 || hostEnd === from) return false;
  if (hostEnd === to) return true;
  return bytes[hostEnd] === COLON && isPort(bytes, hostEnd + 1, to);
}

/** Whether the authority that was found valid names a port. */
export function hasPort(bytes: Uint8Array, from: number, to: number): boolean {
  let i = to;
  while (i > from && bytes[i - 1]! >= 0x30 && bytes[i - 1]! <= 0x39) i--;
  return i < to && i > from && bytes[i - 1] === COLON;
}

/** The offset of the ":" or `to`, -1 for a byte that no name has. */
function endOfName(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to) {
    const byte = bytes[i]!;
    if (nameBytes[byte] === 1) i++;
    else if (byte === COLON) return i;
    else if (byte === PERCENT && to - i > 2 && hexDigits[bytes[i + 1]!]! < 16 && hexDigits[bytes[i + 2]!]! < 16) i += 3;
    else return -1;
  }
  return to;
}

/** The offset behind the "]", -1 when there is none or what stands between the brackets is no address. */
function endOfLiteral(bytes: Uint8Array, from: number, to: number): number {
  let i = from + 1;
  while (i < to && literalBytes[bytes[i]!] === 1) i++;
  return i < to && bytes[i] === 0x5d && isLiteral(sliceLatin1(bytes, from + 1, i)) ? i + 1 : -1;
}

/** IPv6address or IPvFuture (RFC 3986 section 3.2.2). The URL parser knows the first, and nobody has yet met the second. */
function isLiteral(text: string): boolean {
  return FUTURE.test(text) || (text.includes(":") && URL.canParse(`http://[${text}]/`));
}

function isPort(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > 5) return false;
  let port = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
