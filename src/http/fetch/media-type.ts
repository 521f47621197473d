// The media type of a body that has none, by its bytes: text or binary, and nothing finer, after the WHATWG's MIME Sniffing Standard, section
// 7.2. It never says that something can be run (HTML, a script), so that content of users cannot be made to be more than it is.

const TEXT = "text/plain;charset=utf-8";
const BINARY = "application/octet-stream";

/** Bytes that are looked at: as many as browsers look at. */
const SNIFFED_BYTES_MAX = 1_445;

/** 0 for a byte of ASCII text, 1 for one beyond ASCII, 2 for one that no text holds. */
const kinds: Uint8Array = new Uint8Array(256)
  .fill(1, 0x80)
  .fill(2, 0x00, 0x09)
  .fill(2, 0x0b, 0x0c)
  .fill(2, 0x0e, 0x20)
  .fill(0, 0x1b, 0x1c);

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** `text/plain` in UTF-8 or `application/octet-stream`; empty for no bytes. */
export function typeOfBytes(bytes: Uint8Array): string {
  const size = Math.min(bytes.length, SNIFFED_BYTES_MAX);
  let seen = 0;
  for (let i = 0; i < size; i++) seen |= kinds[bytes[i]!]!;
  if (seen === 0) return size === 0 ? "" : TEXT;
  return seen === 1 && isUtf8(bytes) ? TEXT : BINARY;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
