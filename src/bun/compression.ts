// Compression with Bun's node:zlib. A transform stream does its work on a thread of the pool and calls back when it has taken what it was given.

import type { BrotliCompress, Gzip, ZstdCompress } from "node:zlib";
import type { Compression, Compressor, CompressorStep, ContentCoding } from "../core/compression.ts";

// Not imported: a bundler would move the import to the start of the program, where it costs 7 ms.
const {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzipSync,
  zstdCompressSync,
} = process.getBuiltinModule("node:zlib");

type Transform = BrotliCompress | Gzip | ZstdCompress;

/**
 * Brotli and zstandard look back this many bits of distance, 512 KiB. By default it is 4 and 2 MiB, held for each open reply, for next to nothing
 * in text; and browsers refuse more than 8 MiB, which high levels of zstandard would take (RFC 9659).
 */
const WINDOW_BITS = 19;

const FLUSHES: Readonly<Record<ContentCoding, number>> = {
  br: constants.BROTLI_OPERATION_FLUSH,
  gzip: constants.Z_SYNC_FLUSH,
  zstd: constants.ZSTD_e_flush,
};

/** The compressors of Bun. */
export const bunCompression: Compression = {
  atOnce(coding, level, data) {
    if (coding === "gzip") return gzipSync(data, { level });
    if (coding === "zstd") return zstdCompressSync(data, { params: zstdParams(level) });
    return brotliCompressSync(data, {
      params: { ...brotliParams(level), [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
    });
  },
  open(coding, level) {
    return new ZlibCompressor(transformOf(coding, level), FLUSHES[coding]);
  },
};

function transformOf(coding: ContentCoding, level: number): Transform {
  if (coding === "gzip") return createGzip({ level });
  if (coding === "zstd") return createZstdCompress({ params: zstdParams(level) });
  return createBrotliCompress({ params: brotliParams(level) });
}

function brotliParams(level: number): Record<number, number> {
  return { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS };
}

function zstdParams(level: number): Record<number, number> {
  return { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: WINDOW_BITS };
}

class ZlibCompressor implements Compressor {
  readonly #transform: Transform;
  readonly #flushKind: number;
  #out: Uint8Array[] = [];
  /** The call that is under way. */
  #call: PromiseWithResolvers<readonly Uint8Array[]> | null = null;

  constructor(transform: Transform, flushKind: number) {
    this.#transform = transform;
    this.#flushKind = flushKind;
    transform.on("data", (piece: Uint8Array) => this.#out.push(piece));
    transform.on("error", (error) => this.#call?.reject(error));
  }

  push(data: Uint8Array, step: CompressorStep): Promise<readonly Uint8Array[]> {
    const transform = this.#transform;
    // One that was let go of would never tell that it has ended.
    if (transform.destroyed) return Promise.resolve([]);
    const call = Promise.withResolvers<readonly Uint8Array[]>();
    const { promise } = call;
    const done = (error?: Error | null): void => {
      // Told here before the stream's own event: a call that was settled by then would have lost its data without a word.
      if (error instanceof Error) call.reject(error);
      else call.resolve(this.#out);
      this.#out = [];
    };
    this.#call = call;
    if (step === "end") {
      transform.once("end", () => done());
      transform.end(data);
      return promise;
    }
    if (data.length > 0) transform.write(data, step === "gather" ? done : undefined);
    else if (step === "gather") done();
    if (step === "flush") transform.flush(this.#flushKind, done);
    return promise;
  }

  close(): void {
    this.#transform.destroy();
    this.#call?.resolve([]);
  }
}
