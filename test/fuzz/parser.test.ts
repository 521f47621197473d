// A million broken requests through the readers, under a seed. What must be true of each: the same reading whether it comes at once or in
// pieces, no exception but a Rejection, nothing left behind for the next request, and memory within bounds (see subject.ts).

import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";

import type { Exchange } from "../../src/http/exchange.ts";
import type { HttpLimits } from "../../src/http/wire/limits.ts";
import type { Rejection } from "../../src/http/wire/rejection.ts";
import { createPrng, type Prng } from "../../src/sim/prng.ts";
import { seedRequests } from "./corpus.ts";
import { Mutator } from "./mutator.ts";
import { fuzzRequests, fuzzSeed, usualLimits } from "./settings.ts";
import { escaped, shrink } from "./shrink.ts";
import { allowedRejections, Broken, CLEAN, CLOSED, CUT_BODY, CUT_HEAD, REFUSED, Subject } from "./subject.ts";

const REQUESTS = fuzzRequests(1_000_000);
/** From this many requests on, every rule must have been broken at least once. */
const TELLING_REQUESTS = 100_000;
/** What the million leave behind may be this much larger than what the first hundred thousand did. */
const HEAP_GROWTH_BYTES_MAX = 4 * 1024 * 1024;

/** Small enough to be passed by accident. */
const tightLimits: HttpLimits = {
  headBytesMax: 200,
  fieldsMax: 5,
  targetBytesMax: 24,
  trailerBytesMax: 20,
  chunkExtensionBytesMax: 12,
  bodyBytesMax: 30,
};

/** A request that both limits allow, with a body that goes through every reader. */
const goodRequest = Buffer.from(
  "POST /good HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n3\r\nay!\r\n0\r\nT: t\r\n\r\n" +
    "GET /next HTTP/1.0\r\n\r\n",
  "latin1",
);

const CUTS_MAX = 64;
/** The share of streams that are read in pieces as well. All would take half as long again. */
const PIECES = 0.5;

/** Everything that one set of limits is tried with. */
class Bench {
  readonly whole: Subject;
  readonly pieces: Subject;
  /** How the last stream ended. */
  ended: number = CLEAN;
  rejection: Rejection | null = null;
  readonly #good: Subject;
  readonly #cuts = new Int32Array(CUTS_MAX);

  constructor(limits: HttpLimits) {
    this.whole = new Subject(limits, new GrammarListener());
    this.pieces = new Subject(limits);
    this.#good = new Subject(limits);
    this.#readGood(this.#good);
    if (this.#good.ended !== CLOSED || this.#good.messages !== 2) throw new Broken("the good request is good");
  }

  /** @throws Broken, and whatever the code under test throws and must not. */
  try(bytes: Uint8Array, start: number, end: number, prng: Prng): void {
    const { pieces, whole } = this;
    whole.readWhole(bytes, start, end);
    this.ended = whole.ended;
    this.rejection = whole.rejection;
    if (prng.chance(PIECES)) {
      pieces.readPieces(bytes, start, end, this.#cuts, this.#cut(end - start, prng));
      if (!pieces.sawTheSameAs(whole)) throw new Broken("the reading does not depend on how the bytes came");
    }
    if (this.ended === CLEAN) return;
    this.#readGood(whole);
    if (!whole.sawTheSameAs(this.#good)) throw new Broken("nothing is left behind for the next request");
  }

  #readGood(subject: Subject): void {
    subject.readWhole(goodRequest, 0, goodRequest.length);
  }

  /** Chooses where to cut: mostly a few places, at times every byte. Returns how many. */
  #cut(length: number, prng: Prng): number {
    const cuts = this.#cuts;
    if (length <= CUTS_MAX && prng.chance(0.05)) {
      for (let i = 0; i < length; i++) cuts[i] = i + 1;
      return length;
    }
    const count = prng.between(1, 4);
    for (let i = 0; i < count; i++) {
      const cut = prng.between(0, length);
      let place = i;
      for (; place > 0 && cuts[place - 1]! > cut; place--) cuts[place] = cuts[place - 1]!;
      cuts[place] = cut;
    }
    return count;
  }
}

const headGrammar =
  /^(?:\r\n){0,4}[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} [!-"$-~]+ HTTP\/1\.[0-9]\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*)\r\n$/;

/** Holds one head in sixteen against the grammar of RFC 9112, written down a second time. */
class GrammarListener {
  #heads = 0;

  headRead({ bytes, head, start }: Exchange): void {
    if ((++this.#heads & 15) !== 0) return;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, head.length).toString("latin1");
    const lines = headGrammar.exec(text)?.[1];
    if (lines === undefined) throw new Broken("an accepted head follows the grammar");
    if (lines.split("\r\n").length - 1 !== head.fields.count) throw new Broken("every line of a head is a field");
  }

  bodyRead(): void {}
}

/** The failure of `bytes` as a text that a person can work with. */
async function report(thrown: unknown, bytes: Uint8Array, limits: HttpLimits, request: number): Promise<string> {
  const failure = (candidate: Uint8Array): unknown => {
    const bench = new Bench(limits);
    const prng = createPrng(fuzzSeed);
    try {
      for (let turn = 0; turn < 20; turn++) bench.try(candidate, 0, candidate.length, prng);
    } catch (error) {
      return error;
    }
    return null;
  };
  const smallest = failure(bytes) === null ? bytes : await shrink(bytes, (candidate) => failure(candidate) !== null);
  const what = thrown instanceof Broken ? `not true: ${thrown.message}` : `threw ${String(thrown)}`;
  return [
    `Request ${request} of FUZZ_SEED=${fuzzSeed}, ${limits === usualLimits ? "usual" : "tight"} limits: ${what}`,
    `as made:  ${escaped(bytes)}`,
    `smallest: ${escaped(smallest)}`,
    thrown instanceof Error ? thrown.stack : "",
  ].join("\n");
}

function heapBytes(): number {
  Bun.gc(true);
  const { extraMemorySize, heapSize } = heapStats();
  return heapSize + extraMemorySize;
}

describe("the readers", () => {
  test(
    `take ${REQUESTS} mutated requests in any pieces, and throw nothing but Rejections`,
    async () => {
      const prng = createPrng(fuzzSeed);
      const mutator = new Mutator(prng, 0.004);
      const usual = new Bench(usualLimits);
      const tight = new Bench(tightLimits);
      const endings = new Map<number, number>();
      const rejections = new Map<string, number>();
      let heapBefore = 0;
      for (let request = 1; request <= REQUESTS; request++) {
        mutator.next();
        const { bytes, end, start } = mutator;
        const bench = prng.chance(0.3) ? tight : usual;
        try {
          bench.try(bytes, start, end, prng);
        } catch (error) {
          throw new Error(await report(error, mutator.view.slice(), bench.whole.limits, request), { cause: error });
        }
        const { ended, rejection } = bench;
        endings.set(ended, (endings.get(ended) ?? 0) + 1);
        if (rejection !== null) rejections.set(rejection.code, (rejections.get(rejection.code) ?? 0) + 1);
        if (request === TELLING_REQUESTS) heapBefore = heapBytes();
      }
      if (REQUESTS < TELLING_REQUESTS) return;
      expect(heapBytes() - heapBefore).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
      // The requests were worth making: each ending and each rule had its share.
      for (const ending of [CLEAN, CUT_HEAD, CUT_BODY, REFUSED, CLOSED]) {
        expect(endings.get(ending) ?? 0).toBeGreaterThan(REQUESTS / 500);
      }
      for (const code of Object.keys(allowedRejections)) {
        expect(rejections.get(code) ?? 0, code).toBeGreaterThan(10);
      }
    },
    // For a machine that is busy with other things.
    { timeout: 120_000 + REQUESTS / 5 },
  );

  test("take each seed request cut at every offset", () => {
    for (const limits of [usualLimits, tightLimits]) {
      const whole = new Subject(limits);
      const pieces = new Subject(limits);
      for (const text of seedRequests) {
        const bytes = Buffer.from(text, "latin1");
        whole.readWhole(bytes, 0, bytes.length);
        for (let cut = 0; cut <= bytes.length; cut++) {
          pieces.readPieces(bytes, 0, bytes.length, [cut], 1);
          if (!pieces.sawTheSameAs(whole)) throw new Broken(`${escaped(bytes)} cut at ${cut} is read in another way`);
        }
      }
    }
  }, 60_000);
});
