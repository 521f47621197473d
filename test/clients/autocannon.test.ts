// autocannon, in this process: thousands of answers, each held against the one that is due.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import autocannon from "autocannon";
import { NOTHING_WRONG, PATIENCE_MS, Target } from "./support.ts";

const AMOUNT = 5_000;
const CONNECTIONS = 20;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

describe("autocannon", () => {
  for (const [what, pipelining, options] of [
    ["text", 1, { path: "/", expectBody: "Hello, World!" }],
    ["text", 10, { path: "/", expectBody: "Hello, World!" }],
    ["JSON", 10, { path: "/json", expectBody: '{"message":"Hello, World!"}' }],
    ["a body in chunks", 10, { path: "/echo", method: "POST", body: "over the weir", expectBody: "over the weir" }],
    ["an answer that comes later", 10, { path: "/sleep/0", expectBody: "slept 0 ms\n" }],
  ] as const) {
    test(`autocannon with a pipelining of ${pipelining} always finds ${what} as expected`, async () => {
      const { path, ...rest } = options;
      const result = await autocannon({
        ...rest,
        url: target.url(path),
        amount: AMOUNT,
        connections: CONNECTIONS,
        pipelining,
        sampleInt: 100,
      });
      const { errors, timeouts, mismatches, non2xx, resets } = result;
      expect({ answered: result["2xx"], errors, timeouts, mismatches, non2xx, resets }).toEqual({
        // Each of its connections ends at the answer to the first of the last requests that it has in flight.
        answered: AMOUNT - CONNECTIONS * (pipelining - 1),
        errors: 0,
        timeouts: 0,
        mismatches: 0,
        non2xx: 0,
        resets: 0,
      });
    });
  }
});
