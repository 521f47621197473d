// Conditional requests for files (RFC 9110 section 13), as clients send them.

import { describe, expect, test } from "bun:test";
import type { Steps } from "../../../src/core/operation.ts";
import { file } from "../../../src/http/index.ts";
import { type FileWorld, THEN, THEN_TEXT, withFiles } from "./support.ts";

const PATH = "/srv/a.txt";
const BEFORE = "Sun, 01 Jun 2025 12:30:14 GMT";
const AFTER = "Sun, 01 Jun 2025 12:30:16 GMT";

/** Puts the file, changed at `mtimeMs`, and gives its entity tag. */
function* putAndTag({ files, ask }: FileWorld, mtimeMs: number): Steps<string> {
  files.put(PATH, "hello", mtimeMs);
  return (yield* ask("HEAD /")).headers.get("etag") ?? "";
}

/** Statuses that a file of THEN (its milliseconds are not in its date) is answered with; TAG in a line stands for its tag. */
async function statusOf(method: string, lines: readonly string[], mtimeMs = THEN + 250): Promise<number> {
  let status = 0;
  await withFiles(
    (request) => file(request, PATH, { cacheControl: "max-age=9" }),
    function* (world) {
      const tag = yield* putAndTag(world, mtimeMs);
      ({ status } = yield* world.ask(`${method} /`, ...lines.map((line) => line.replace("TAG", tag))));
    },
  );
  return status;
}

describe("file", () => {
  test.each([
    [304, ["If-None-Match: TAG"]],
    [304, ["If-None-Match: W/TAG"]],
    [304, ["If-None-Match: *"]],
    [304, ['If-None-Match: "other", TAG']],
    [304, ['If-None-Match: "other"', "If-None-Match: TAG"]],
    [200, ['If-None-Match: "other"']],
    [200, ["If-None-Match: other"]],
    [304, [`If-Modified-Since: ${THEN_TEXT}`]],
    [304, [`If-Modified-Since: ${AFTER}`]],
    [200, [`If-Modified-Since: ${BEFORE}`]],
    [304, ["If-Modified-Since: Sunday, 01-Jun-25 12:30:15 GMT"]],
    [304, ["If-Modified-Since: Sun Jun  1 12:30:15 2025"]],
    [200, ["If-Modified-Since: Sun Jun  1 12:30:14 2025"]],
    [200, ["If-Modified-Since: 2099-01-01"]],
    [200, ["If-Modified-Since: 9999999999999"]],
    // Tags count before dates, both ways.
    [200, ['If-None-Match: "other"', `If-Modified-Since: ${AFTER}`]],
    [304, ["If-None-Match: TAG", `If-Modified-Since: ${BEFORE}`]],
    // What a client says to caches on the way makes no condition false.
    [304, ["If-None-Match: TAG", "Cache-Control: no-cache"]],
    [200, ["If-Match: TAG"]],
    [200, ["If-Match: *"]],
    [200, ['If-Match: "other", TAG']],
    [412, ['If-Match: "other"']],
    [412, ["If-Match: W/TAG"]],
    [412, ["If-Match: "]],
    [200, [`If-Unmodified-Since: ${THEN_TEXT}`]],
    [200, [`If-Unmodified-Since: ${AFTER}`]],
    [412, [`If-Unmodified-Since: ${BEFORE}`]],
    [200, ["If-Unmodified-Since: yesterday"]],
    // If-Match counts before If-Unmodified-Since, and both before the others.
    [200, ["If-Match: TAG", `If-Unmodified-Since: ${BEFORE}`]],
    [412, ['If-Match: "other"', `If-Unmodified-Since: ${AFTER}`]],
    [412, ['If-Match: "other"', "If-None-Match: TAG"]],
    [304, ["If-Match: TAG", "If-None-Match: TAG"]],
    // A condition that ends the matter comes before the range.
    [304, ["If-None-Match: TAG", "Range: bytes=0-1"]],
    [412, ['If-Match: "other"', "Range: bytes=0-1"]],
    [304, ["If-None-Match: TAG", "Range: bytes=99-"]],
  ])("answers %d to %j", async (status, lines) => {
    expect(await statusOf("GET", lines)).toBe(status);
    if (!lines.some((line) => line.startsWith("Range"))) expect(await statusOf("HEAD", lines)).toBe(status);
  });

  test.each([
    [206, "If-Range: TAG"],
    [200, "If-Range: W/TAG"],
    [200, 'If-Range: "other"'],
    [200, "If-Range: *"],
    [206, `If-Range: ${THEN_TEXT}`],
    [200, `If-Range: ${AFTER}`],
    [200, `If-Range: ${BEFORE}`],
    [200, "If-Range: yesterday"],
  ])("answers %d to a range with %s", async (status, line) => {
    expect(await statusOf("GET", ["Range: bytes=0-1", line])).toBe(status);
    expect(await statusOf("GET", [line])).toBe(200);
    // Bytes that are not there are no error of a client that has another version.
    expect(await statusOf("GET", ["Range: bytes=99-", line])).toBe(status === 206 ? 416 : 200);
  });

  test("reads dates as UTC, whatever the zone of the machine", async () => {
    const zone = process.env.TZ;
    try {
      process.env.TZ = "America/New_York";
      expect(new Date("Sun Jun  1 12:30:14 2025").getTime()).not.toBe(Date.UTC(2025, 5, 1, 12, 30, 14));
      expect(await statusOf("GET", ["If-Modified-Since: Sun Jun  1 12:30:14 2025"])).toBe(200);
      expect(await statusOf("GET", ["If-Modified-Since: Sun Jun  1 12:30:15 2025"])).toBe(304);
    } finally {
      process.env.TZ = zone ?? "UTC";
    }
  });

  test("sends with 304 what guides a cache, and nothing about the content", () =>
    withFiles(
      (request) =>
        file(request, PATH, {
          cacheControl: "max-age=9",
          headers: { "x-own": "1", "content-language": "en", "content-security-policy": "default-src 'self'" },
        }),
      function* (world) {
        const tag = yield* putAndTag(world, THEN);
        const { status, headers } = yield* world.ask("GET /", `If-None-Match: ${tag}`);
        expect(status).toBe(304);
        expect(Object.fromEntries([...headers].filter(([name]) => name !== "date"))).toEqual({
          etag: tag,
          "last-modified": THEN_TEXT,
          "cache-control": "max-age=9",
          "x-own": "1",
          "content-security-policy": "default-src 'self'",
        });
      },
    ));

  test("has a weak tag while the file is fresh, which becomes strong when it has been left alone", () =>
    withFiles(
      (request) => file(request, PATH),
      function* (world) {
        const { ask } = world;
        const now = world.world.simulation.host.wallClock();
        const weak = yield* putAndTag(world, now);
        expect(weak).toStartWith('W/"');
        // Good for a cache, and not for putting parts together.
        expect((yield* ask("GET /", `If-None-Match: ${weak}`)).status).toBe(304);
        expect((yield* ask("GET /", `If-Match: ${weak}`)).status).toBe(412);
        expect((yield* ask("GET /", `If-Range: ${weak}`, "Range: bytes=0-1")).status).toBe(200);
        expect((yield* ask("GET /", `If-Range: ${weak.slice(2)}`, "Range: bytes=0-1")).status).toBe(200);
        const settled = yield* putAndTag(world, now - 3_000);
        expect(settled).toStartWith('"');
        expect((yield* ask("GET /", `If-Range: ${settled}`, "Range: bytes=0-1")).status).toBe(206);
      },
    ));

  test("calls the tag of one version the same, weak or strong", () =>
    withFiles(
      (request) => file(request, PATH),
      function* (world) {
        const { host } = world.world.simulation;
        const weak = yield* putAndTag(world, host.wallClock() - 1_900);
        const { at } = yield* later(world);
        expect(at).toBe(weak.slice(2));
        expect((yield* world.ask("GET /", `If-None-Match: ${weak}`)).status).toBe(304);
      },
    ));
});

function* later(world: FileWorld): Steps<{ at: string }> {
  // Each question takes some virtual ms: after enough of them the file is old.
  for (let i = 0; i < 20; i++) yield* world.ask("HEAD /");
  return { at: (yield* world.ask("HEAD /")).headers.get("etag") ?? "" };
}
