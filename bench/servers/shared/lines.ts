// Lines in received bytes, for the arms that read them without millrace: where one ends, and its text. They are read as `conn.readLine` reads
// them: UTF-8, ended by LF or CRLF.

const LF = 10;
const CR = 13;

// 60 ns for a line where a TextDecoder takes 90 to 230, and what net/conn.ts uses.
const { utf8Slice } = Buffer.allocUnsafe(0);

/** Where the LF of the line at `from` stands; -1 while there is none before `end`. */
export function lineEnd(bytes: Uint8Array, from: number, end: number): number {
  const at = bytes.indexOf(LF, from);
  // Behind `end` a buffer with room holds anything.
  return at < end ? at : -1;
}

/** The text of the line that begins at `start` and has its LF at `end`. */
export function lineText(bytes: Uint8Array, start: number, end: number): string {
  return utf8Slice.call(bytes, start, end > start && bytes[end - 1] === CR ? end - 1 : end);
}
