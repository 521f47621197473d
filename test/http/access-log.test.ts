// The access-log hook: told once of each request that reached the handler, however it ended.

import { describe, expect, test } from "bun:test";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type AnswerRecord, type HttpOptions, stream, text } from "../../src/http/index.ts";
import { request, SOON_MS, withServer } from "./support.ts";

/** A log of records as lines, and the option that fills it. */
function recorder(): { lines: unknown[][]; options: HttpOptions } {
  const lines: unknown[][] = [];
  const onAnswer = ({ request: { method, target }, status, bytes, durationMs, complete }: AnswerRecord): void => {
    lines.push([method, target, status, bytes, Math.floor(durationMs / 10) * 10, complete]);
  };
  return { lines, options: { onAnswer } };
}

describe("serveHttp's onAnswer", () => {
  test("onAnswer is told method, target, status, bytes and ms of each answer, pipelined ones apart", () => {
    const { lines, options } = recorder();
    return withServer(
      function* ({ target }) {
        if (target === "/slow") yield* sleep(250);
        return text("hello", { status: target === "/slow" ? 200 : 404 });
      },
      function* (world) {
        const peer = world.connect(request("GET /slow") + request("POST /b", ["Content-Length: 0"]));
        yield* sleep(1_000);
        expect(lines.map(([method, target, status, , ms, complete]) => [method, target, status, ms, complete])).toEqual(
          [
            ["GET", "/slow", 200, 250, true],
            ["POST", "/b", 404, 0, true],
          ],
        );
        expect(lines.reduce((sum, [, , , bytes]) => sum + (bytes as number), 0)).toBe(peer.received.length);
      },
      options,
    );
  });

  test("onAnswer is told of the 500 that stands for an error", () => {
    const { lines, options } = recorder();
    return withServer(
      () => {
        throw new Error("a fault");
      },
      function* (world) {
        yield* world.ask(request("GET /"));
        expect(lines).toMatchObject([["GET", "/", 500, expect.any(Number), 0, true]]);
      },
      options,
    );
  });

  test("onAnswer is told of a client that left, without a status when none was sent", () => {
    const { lines, options } = recorder();
    return withServer(
      function* ({ target }) {
        if (target === "/stream") return stream(forever);
        yield* sleep(10_000);
        return text("too late");
      },
      function* (world) {
        for (const target of ["/wait", "/stream"]) {
          const peer = world.connect(request(`GET ${target}`));
          yield* sleep(100);
          peer.reset();
          yield* sleep(SOON_MS);
        }
        expect(lines).toMatchObject([
          ["GET", "/wait", null, 0, expect.any(Number), false],
          ["GET", "/stream", 200, expect.any(Number), expect.any(Number), false],
        ]);
      },
      options,
    );
  });

  test("onAnswer is not told of a request that no handler saw", () => {
    const { lines, options } = recorder();
    return withServer(
      () => text(""),
      function* (world) {
        yield* world.ask("BAD\r\n\r\n");
        expect(lines).toEqual([]);
      },
      options,
    );
  });
});

function* forever(): Steps<void> {
  for (;;) yield* sleep(1_000);
}
