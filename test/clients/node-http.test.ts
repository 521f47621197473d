// Node's `node:http` with an agent that keeps connections, run by Node itself.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { patternBytes } from "./pattern.ts";
import { NodeProgram, NOTHING_WRONG, PATIENCE_MS, sha256, Target } from "./support.ts";

const MB = 1_000_000;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
let program: NodeProgram;
beforeAll(async () => {
  target = await Target.start();
  program = await NodeProgram.build("node-http-program.ts");
});
afterAll(async () => {
  program[Symbol.dispose]();
  expect(await target.stop()).toEqual(NOTHING_WRONG);
});

/** What came of a scenario, and how many connections it took. */
async function outcome(scenario: string): Promise<{ result: unknown; opened: number }> {
  let result: unknown;
  const opened = await target.opened(async () => {
    result = await program.run(scenario, target.origin);
  });
  return { result, opened };
}

describe("node:http", () => {
  test("node:http sends 350 requests of all kinds on the one connection of its agent", async () => {
    const answers = {
      "200 Hello, World!": 50,
      "200 ": 100,
      "204 ": 50,
      "404 Not Found\n": 50,
      "200 not read": 50,
      "200 echo": 50,
    };
    expect(await outcome("reuse")).toEqual({ result: { answers, reused: 349 }, opened: 1 });
  });

  test("node:http gets 400 answers on the eight connections of its agent, each to its own question", async () => {
    expect(await outcome("crowd")).toEqual({ result: { wrong: 0 }, opened: 8 });
  });

  test("node:http is told that the connection closes when it asks for that", async () => {
    expect(await outcome("close")).toMatchObject({ result: { connection: "close", body: "Hello, World!" } });
  });

  test("node:http uploads 10 MB with a length, in chunks, and in chunks that come back", async () => {
    const { result } = await outcome("bodies");
    const { sized, chunked, echoed } = result as { sized: string; chunked: string; echoed: number };
    const digest = { bytes: 10 * MB, sha256: sha256(patternBytes(0, 10 * MB)), expect: null };
    const jsonOf = (answer: string): unknown => JSON.parse(answer.replace(/^200 /, ""));
    expect(jsonOf(sized)).toEqual({ ...digest, contentLength: `${10 * MB}`, transferEncoding: null });
    expect(jsonOf(chunked)).toEqual({ ...digest, contentLength: null, transferEncoding: "chunked" });
    expect(echoed).toBe(0);
  });

  test("node:http downloads 10 MB at its own pace, byte for byte", async () => {
    const digest = sha256(patternBytes(0, 10 * MB));
    expect(await outcome("downloads")).toMatchObject({ result: [digest, digest] });
  });

  test("node:http is told to continue before it sends 2 MB, and goes on with the connection", async () => {
    const { result, opened } = await outcome("expect");
    const [first, answer, next] = result as string[];
    expect([first, next, opened]).toEqual(["continue", "200 Hello, World!", 1]);
    expect(answer).toContain(`"bytes":${2 * MB},"sha256":"${sha256(patternBytes(0, 2 * MB))}"`);
  });

  test("node:http gets the answer in place of the 100 when nobody wants its body", async () => {
    const { result } = await outcome("expectUnread");
    expect(result).toEqual(["close 200 not read", "200 Hello, World!"]);
  });

  test("node:http may send trailers: they disturb nothing", async () => {
    expect(await outcome("trailers")).toEqual({ result: Array.from({ length: 5 }, () => "200 body"), opened: 1 });
  });

  test("node:http gets the answer to each upload that no handler reads, with a length and in chunks", async () => {
    expect(await outcome("unread")).toMatchObject({ result: { "200 not read": 160 } });
  });

  test("node:http cancels the handler when it destroys its request half way", async () => {
    const { begun, cancelled } = await target.statistics();
    expect(await outcome("gone")).toMatchObject({ result: 0 });
    await target.counted(begun + 1, cancelled + 1);
  });
});
