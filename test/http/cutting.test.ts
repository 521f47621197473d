// However the bytes of a pipeline are cut and delayed, the answers are the same: at every offset of a dozen requests, and for random
// pipelines in random networks under seeds.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpRequest, type Reply, stream, text } from "../../src/http/index.ts";
import { CALM_NETWORK, type NetworkOptions, ROUGH_NETWORK } from "../../src/sim/index.ts";
import { request, responsesOf, SOON_MS, withServer } from "./support.ts";

/** Says what it got: method, target, a header and the body, as text or streamed back. */
function* mirror(incoming: HttpRequest): Steps<Reply> {
  const { method, target } = incoming;
  const header = incoming.headers.get("x-a");
  if (target.startsWith("/unread")) return text(`${method} ${target} ${header}`);
  if (target.startsWith("/stream")) {
    return stream(function* (writer) {
      yield* writer.write(`${method} ${target} ${header} `);
      for (let data: Uint8Array | null; (data = yield* incoming.read()) !== null;) yield* writer.write(data);
    });
  }
  if (target.startsWith("/slow")) yield* sleep(3);
  return text(`${method} ${target} ${header} ${yield* incoming.text()}`);
}

const CHUNKED = ["Transfer-Encoding: chunked", "X-A: c"];
const DOZEN: readonly string[] = [
  request("GET /"),
  `\r\n${request("GET /empty-line")}`,
  request("GET /headers", ["X-A: 1", "x-a:2", "Accept: */*"]),
  request("POST /length", ["Content-Length: 11"], "hello\r\n\r\nGE"),
  request("POST /chunks", CHUNKED, '5\r\nhello\r\n1;a="b"\r\n!\r\n0\r\n\r\n'),
  request("POST /trailers", CHUNKED, "00A\r\n0123456789\r\n0\r\nX-T: y\r\n\r\n"),
  request("POST /stream", CHUNKED, "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
  request("POST /stream", ["Content-Length: 6"], "abcdef"),
  request("POST /unread", CHUNKED, "4\r\nGET \r\n0\r\n\r\n"),
  request("POST /unread", ["Content-Length: 4"], "GET "),
  request("OPTIONS *"),
  request("GET http://other.example/absolute?q"),
];

/** Final statuses and bodies of a pipeline, sent in `parts` with `delayMs` in between; 100s dropped. */
async function answersTo(
  parts: readonly string[],
  delayMs: number,
  network: NetworkOptions,
  seed = 1,
): Promise<string[]> {
  let answers: string[] = [];
  await withServer(
    mirror,
    function* (world) {
      const peer = world.connect();
      for (const part of parts) {
        peer.send(Buffer.from(part, "latin1"));
        if (delayMs > 0) yield* sleep(delayMs);
      }
      peer.shutdown();
      yield* sleep(network === CALM_NETWORK ? SOON_MS : 20_000);
      const { final, rest } = responsesOf(peer);
      answers = final.map(({ status, body }) => `${status} ${body}`);
      expect([rest, peer.wasReset, world.errors, world.rejections]).toEqual(["", false, [], []]);
    },
    { network, seed, halfCloseGraceMs: 60_000 },
  );
  return answers;
}

describe("serveHttp and the cutting of its input", () => {
  test("serveHttp answers a dozen requests alike, cut in two at every offset", async () => {
    const parts = DOZEN.map((raw) => raw + request("GET /next"));
    for (const raw of parts) {
      const whole = await answersTo([raw], 0, CALM_NETWORK);
      expect(whole).toHaveLength(2);
      expect(whole[1]).toBe("200 GET /next null ");
      for (let at = 1; at < raw.length; at++) {
        expect([at, await answersTo([raw.slice(0, at), raw.slice(at)], 1, CALM_NETWORK)]).toEqual([at, whole]);
      }
    }
  });

  test("serveHttp answers them alike when each byte comes alone", async () => {
    const whole = await answersTo([DOZEN.join("")], 0, CALM_NETWORK);
    expect(whole).toHaveLength(DOZEN.length);
    expect(await answersTo([...DOZEN.join("")], 0.5, CALM_NETWORK)).toEqual(whole);
  });

  test("any pipeline of valid requests gets the same answers, however it is cut and delayed", async () => {
    const body = fc.string({ maxLength: 40 }).map((value) => Buffer.from(value).toString("latin1"));
    const chunks = fc
      .array(
        body.filter((value) => value.length > 0),
        { maxLength: 4 },
      )
      .map((all) => `${all.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join("")}0\r\n\r\n`);
    const target = fc.constantFrom("/", "/slow", "/stream", "/unread", "/stream?a=b", "/a/b?c");
    const one = fc.oneof(
      target.map((path) => request(`GET ${path}`, ["X-A: get"])),
      fc.tuple(target, body).map(([path, data]) => request(`POST ${path}`, [`Content-Length: ${data.length}`], data)),
      fc.tuple(target, chunks).map(([path, data]) => request(`PUT ${path}`, ["Transfer-Encoding: chunked"], data)),
    );
    const network = fc.constantFrom<NetworkOptions>({}, ROUGH_NETWORK, { ...ROUGH_NETWORK, segmentBytes: [1, 1] });
    await fc.assert(
      fc.asyncProperty(
        fc.array(one, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.nat({ max: 50 }),
        network,
        fc.integer(),
        async (pipeline, cuts, delayMs, rough, seed) => {
          const raw = pipeline.join("");
          const offsets = [0, ...cuts.map((cut) => cut % raw.length).toSorted((a, b) => a - b), raw.length];
          const parts = offsets
            .slice(1)
            .map((to, index) => raw.slice(offsets[index], to))
            .filter((part) => part !== "");
          const expected = await answersTo([raw], 0, { ...CALM_NETWORK, receiveBufferBytes: 1_000_000 });
          expect(expected).toHaveLength(pipeline.length);
          expect(await answersTo(parts, delayMs, rough, seed)).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});
