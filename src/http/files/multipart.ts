// Several ranges in one body: multipart/byteranges (RFC 9110 section 14.6). The parts' heads are made here, so that the length of the whole is known
// before the first byte is read.

import type { ByteRange } from "./ranges.ts";

/** What a body is put together of: bytes of ours, and ranges of the file. */
export type Piece = Uint8Array | ByteRange;

/** `Content-Range` of one range. */
export function contentRange({ from, to }: ByteRange, size: number): string {
  return `bytes ${from}-${to - 1}/${size}`;
}

/** The pieces of a body with `ranges` of a file of `size` bytes and `type`, its length, and the Content-Type that goes with it. */
export function multipart(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  boundary: string,
): { type: string; pieces: readonly Piece[]; length: number } {
  const encoder = new TextEncoder();
  const typeLine = type === "" ? "" : `Content-Type: ${type}\r\n`;
  const pieces: Piece[] = [];
  let lineEnd = "";
  for (const range of ranges) {
    const head = `${lineEnd}--${boundary}\r\n${typeLine}Content-Range: ${contentRange(range, size)}\r\n\r\n`;
    pieces.push(encoder.encode(head), range);
    lineEnd = "\r\n";
  }
  pieces.push(encoder.encode(`\r\n--${boundary}--\r\n`));
  return { type: `multipart/byteranges; boundary=${boundary}`, pieces, length: lengthOf(pieces) };
}

/** Bytes of all pieces. */
export function lengthOf(pieces: readonly Piece[]): number {
  let length = 0;
  for (const piece of pieces) length += pieceLength(piece);
  return length;
}

export function pieceLength(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.length : piece.to - piece.from;
}

/** A boundary of 32 hexadecimal digits from `random`, which gives numbers from 0 up to 1. No content can be expected to hold it. */
export function drawBoundary(random: () => number): string {
  let boundary = "";
  while (boundary.length < 32) {
    boundary += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  }
  return boundary;
}
