// The compression port: the only door from replies to compressors. `bun/compression.ts` opens it with zlib, brotli and zstandard. A simulated
// host has none unless a test gives it one: bodies then go out as they are.

/** The content codings that are known here (RFC 9110 section 8.4.1, RFC 7932, RFC 8878). */
export type ContentCoding = "br" | "gzip" | "zstd";

/** What a compressor does behind the data: keep what helps it, let out all that was taken, or end the stream. */
export type CompressorStep = "gather" | "flush" | "end";

/** Compresses bodies. Levels are those of the coding's own library. */
export interface Compression {
  /** `data` compressed, in one call on the caller's thread. @throws RangeError for a level that the coding does not have. */
  atOnce(coding: ContentCoding, level: number, data: Uint8Array): Uint8Array;
  /** Begins a body that comes in pieces. @throws as `atOnce` */
  open(coding: ContentCoding, level: number): Compressor;
}

/** A body being compressed, on a thread of its own. Memory outside of the heap hangs on it until it is closed. */
export interface Compressor {
  /**
   * Takes all of `data` and gives what comes out, which may be nothing: it may also come with a later call. One call at a time. Until the promise
   * has settled `data` belongs to the compressor. Rejects when the compressor breaks, and is of no use from then on.
   */
  push(data: Uint8Array, step: CompressorStep): Promise<readonly Uint8Array[]>;
  /** Lets go of the memory, after a push under way. That push and later ones give nothing. Never throws; a second call does nothing. */
  close(): void;
}
