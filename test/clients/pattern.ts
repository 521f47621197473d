// The bytes of every body that the client tests move: byte `i` is a function of `i` alone, so that a piece which is lost, doubled, cut or out
// of place cannot go unnoticed. The period is a prime: no buffer's size is a multiple of it.

/** Where text is wanted, which shrinks, it is this line again and again. */
export const LINE = "sockets are the water, the ready ring is the wheel, tasks are the buckets\n";

/** Bytes after which the pattern repeats. */
const PERIOD = 65_521;

const block = new Uint8Array(2 * PERIOD);
for (let i = 0, state = 1; i < PERIOD; i++) {
  state = Math.imul(state, 1_103_515_245) + 12_345;
  block[i] = block[i + PERIOD] = state >>> 16;
}

/** At most a period of the pattern, from byte `from` on and up to byte `to`. Shares its memory with all others. */
export function patternPiece(from: number, to: number): Uint8Array {
  const start = from % PERIOD;
  return block.subarray(start, start + Math.min(to - from, PERIOD));
}

/** Bytes `from` to `to` of the pattern, in memory of their own. */
export function patternBytes(from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(to - from);
  for (let at = from; at < to; at += PERIOD) bytes.set(patternPiece(at, to), at - from);
  return bytes;
}
