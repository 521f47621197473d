// Our readers against Bun's node:http on the same mutated streams, over real sockets. Where both accept, method, target, version, headers and
// body must be the same; where one refuses, the reason must be a class of differences.ts.

import { describe, expect, test } from "bun:test";

import { createPrng } from "../../src/sim/prng.ts";
import { seedRequests } from "./corpus.ts";
import { classesOf, type Difference, differenceClasses, differenceOf } from "./differences.ts";
import { Mutator } from "./mutator.ts";
import { NodeHttp } from "./node-http.ts";
import { fuzzRequests, fuzzSeed, usualLimits } from "./settings.ts";
import { escaped, shrink } from "./shrink.ts";
import { Transcriber } from "./transcript.ts";

const REQUESTS = fuzzRequests(30_000);
const LANES = 16;

/** What a person needs to judge an unknown difference. */
async function report(stream: Uint8Array, { kind, message, refusal }: Difference, node: NodeHttp): Promise<string> {
  const transcriber = new Transcriber(usualLimits);
  const smallest = await shrink(stream, async (candidate) => {
    const found = differenceOf(candidate, transcriber.read(candidate), await node.read(candidate));
    return found !== null && found.kind === kind && classesOf(found).length === 0;
  });
  return [
    `FUZZ_SEED=${fuzzSeed}: a difference of no known class (${kind})`,
    `as made:  ${escaped(stream)}`,
    `smallest: ${escaped(smallest)}`,
    `accepted: ${JSON.stringify(message)}`,
    `${kind === "content" ? "theirs:  " : "refused: "} ${refusal}`,
  ].join("\n");
}

describe("the readers beside node:http", () => {
  test(
    `agree on ${REQUESTS} mutated streams, but for ten classes of differences`,
    async () => {
      await using node = await NodeHttp.start(LANES);
      const mutator = new Mutator(createPrng(fuzzSeed), 0);
      const transcriber = new Transcriber(usualLimits);
      const counts = new Map(differenceClasses.map(({ name }) => [name, 0]));
      let made = 0;
      let bothAccepted = 0;
      let unknown: { stream: Uint8Array; difference: Difference } | null = null;
      const next = (): { stream: Uint8Array; about: Uint8Array } | null => {
        if (made === REQUESTS || unknown !== null) return null;
        const seed = seedRequests[made++];
        mutator.next();
        const stream = seed === undefined ? mutator.view.slice() : Buffer.from(seed, "latin1");
        return { stream, about: stream };
      };
      await node.readAll(next, (stream, theirs) => {
        const ours = transcriber.read(stream);
        const difference = differenceOf(stream, ours, theirs);
        bothAccepted += Math.min(ours.messages.length, theirs.messages.length);
        if (difference === null) return;
        const classes = classesOf(difference);
        if (classes.length === 0) unknown ??= { stream, difference };
        for (const { name } of classes) counts.set(name, counts.get(name)! + 1);
      });
      const found = unknown as { stream: Uint8Array; difference: Difference } | null;
      if (found !== null) throw new Error(await report(found.stream, found.difference, node));
      if (REQUESTS < seedRequests.length) return;
      expect(bothAccepted).toBeGreaterThan(REQUESTS / 5);
      for (const [name, count] of counts) expect(count, name).toBeGreaterThan(0);
    },
    // For a machine that is busy with other things.
    { timeout: 120_000 + REQUESTS * 2 },
  );

  test("differ in at most ten classes, each with its section", () => {
    expect(differenceClasses.length).toBeLessThanOrEqual(10);
    expect(new Set(differenceClasses.map(({ name }) => name)).size).toBe(differenceClasses.length);
    for (const { section } of differenceClasses) expect(section).toMatch(/^RFC 91(?:10|12) section \d+(?:\.\d+)*$/);
  });
});
