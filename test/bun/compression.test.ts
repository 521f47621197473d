// The compression port on Bun: nothing is lost, nothing comes out of order, and a compressor can be let go of at any time.

import { describe, expect, spyOn, test } from "bun:test";
import { brotliDecompressSync, constants, createGzip, gunzipSync, zstdDecompressSync } from "node:zlib";
import { bunCompression } from "../../src/bun/compression.ts";
import type { CompressorStep, ContentCoding } from "../../src/core/compression.ts";

const CODINGS: readonly ContentCoding[] = ["br", "gzip", "zstd"];
const LEVELS: Readonly<Record<ContentCoding, readonly number[]>> = {
  br: [1, 4, 11],
  gzip: [1, 6, 9],
  zstd: [1, 3, 22],
};

/** What can be read of a stream that may not have ended. */
function decode(coding: ContentCoding, data: Uint8Array): Buffer {
  if (coding === "gzip") return gunzipSync(data, { finishFlush: constants.Z_SYNC_FLUSH });
  if (coding === "br") return brotliDecompressSync(data, { finishFlush: constants.BROTLI_OPERATION_FLUSH });
  return zstdDecompressSync(data, { finishFlush: constants.ZSTD_e_flush });
}

/** Bytes that are like no others, and shrink somewhat. */
function sample(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536))).map((byte) => byte & 0x3f);
}

/** Where the transforms of node:zlib have the method `name` from. */
function prototypeWith(name: "_transform"): { _transform(...values: unknown[]): void } {
  let prototype: object = createGzip();
  while (!Object.hasOwn(prototype, name)) prototype = Object.getPrototypeOf(prototype) as object;
  return prototype as ReturnType<typeof prototypeWith>;
}

describe("bunCompression", () => {
  test.each(CODINGS)("bunCompression.atOnce gives %s that is whole", (coding) => {
    for (const level of LEVELS[coding])
      for (const size of [0, 1, 1_000, 60_000]) {
        const data = sample(size);
        expect(decode(coding, bunCompression.atOnce(coding, level, data)).equals(data)).toBe(true);
      }
  });

  test.each(CODINGS)(
    "bunCompression.open gives %s piece by piece: after a flush all of it can be read",
    async (coding) => {
      for (const level of LEVELS[coding]) {
        const compressor = bunCompression.open(coding, level);
        const given: Uint8Array[] = [];
        const got: Uint8Array[] = [];
        const steps: [number, CompressorStep][] = [
          [10, "gather"],
          [0, "gather"],
          [50_000, "gather"],
          [5, "flush"],
          [0, "flush"],
          [60_000, "flush"],
        ];
        for (const [size, step] of steps) {
          const data = sample(size);
          given.push(data);
          got.push(...(await compressor.push(data, step)));
          if (step === "flush") expect(decode(coding, Buffer.concat(got)).equals(Buffer.concat(given))).toBe(true);
        }
        given.push(sample(1_000));
        got.push(...(await compressor.push(given.at(-1) as Uint8Array, "end")));
        compressor.close();
        expect(decode(coding, Buffer.concat(got)).equals(Buffer.concat(given))).toBe(true);
      }
    },
  );

  test.each(CODINGS)(
    "bunCompression.open asks decoders of %s for no more than half a megabyte of window",
    async (coding) => {
      for (const level of LEVELS[coding]) {
        const compressor = bunCompression.open(coding, level);
        const pieces = await compressor.push(sample(100), "end");
        compressor.close();
        const limit: Record<number, number> = { [constants.ZSTD_d_windowLogMax]: 19 };
        if (coding === "zstd") expect(zstdDecompressSync(Buffer.concat(pieces), { params: limit })).toHaveLength(100);
        // RFC 7932 section 9.1: the window's size is in the first bits; 1011 stands for 22 bits, 0101 for 19.
        if (coding === "br") expect((pieces[0]?.[0] ?? 0) & 0xf).toBe(0b0101);
      }
    },
  );

  test.each(CODINGS)("bunCompression.open ends an empty body as %s", async (coding) => {
    const compressor = bunCompression.open(coding, LEVELS[coding][0] ?? 1);
    const pieces = await compressor.push(new Uint8Array(0), "end");
    compressor.close();
    expect(decode(coding, Buffer.concat(pieces))).toHaveLength(0);
  });

  test.each(CODINGS)(
    "a compressor of %s that is closed in the middle of a call gives nothing more, and can be closed twice",
    async (coding) => {
      for (const step of ["gather", "flush", "end"] as const) {
        const compressor = bunCompression.open(coding, LEVELS[coding][2] ?? 1);
        const call = compressor.push(sample(60_000), step);
        compressor.close();
        compressor.close();
        expect(await call).toEqual([]);
      }
    },
  );

  test.each(CODINGS)("a compressor of %s that is closed gives nothing to a later call", async (coding) => {
    for (const step of ["gather", "flush", "end"] as const) {
      const compressor = bunCompression.open(coding, LEVELS[coding][0] ?? 1);
      compressor.close();
      expect(await compressor.push(sample(100), step)).toEqual([]);
    }
  });

  test.each(["gather", "flush", "end"] as const)("a compressor that breaks at %s rejects the call", async (step) => {
    const broken = spyOn(prototypeWith("_transform"), "_transform").mockImplementation(
      (_chunk: unknown, _encoding: unknown, done: (error: Error) => void) => done(new Error("no memory")),
    );
    try {
      const compressor = bunCompression.open("gzip", 6);
      await expect(compressor.push(sample(100), step)).rejects.toThrow("no memory");
      compressor.close();
    } finally {
      broken.mockRestore();
    }
  });

  test("bunCompression refuses a level that there is none of", () => {
    expect(() => bunCompression.open("gzip", 10)).toThrow(RangeError);
    expect(() => bunCompression.atOnce("gzip", 10, sample(1))).toThrow(RangeError);
  });
});
