import { describe, expect, test } from "bun:test";

import { latin1Bytes } from "../../../src/http/wire/text.ts";
import { TextCache } from "../../../src/http/wire/text-cache.ts";
import { createPrng } from "../../../src/sim/prng.ts";

describe("TextCache.slice", () => {
  test("slice gives what the bytes say, however many texts share a place", () => {
    const seed = 7;
    const prng = createPrng(seed);
    const cache = new TextCache(4);
    for (let i = 0; i < 5_000; i++) {
      const length = prng.between(0, 60);
      const text = Array.from({ length }, () => String.fromCharCode(prng.between(0, 255))).join("");
      const around = latin1Bytes(`<${text}>`);
      for (let times = 0; times < 2; times++) expect(cache.slice(around, 1, 1 + length)).toBe(text);
    }
  });

  test("slice tells texts apart that differ in one character of equal length", () => {
    const cache = new TextCache(1);
    for (const text of ["/a", "/b", "/a", "/\xe9", "/c", ""]) {
      const bytes = latin1Bytes(text);
      expect(cache.slice(bytes, 0, bytes.length)).toBe(text);
    }
  });
});
