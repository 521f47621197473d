// Compressed replies: who gets them, that they decode to what the handler wrote, and that streams keep their manners: order, backpressure, flushes,
// and no compressor left open. The compressors are Bun's own, watched; everything else is simulated.

import { describe, expect, test } from "bun:test";
import { brotliDecompressSync, constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { bunCompression } from "../../src/bun/compression.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import type { Compression, Compressor, ContentCoding } from "../../src/core/compression.ts";
import { until } from "../../src/concurrency/until.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import {
  bytes,
  compressed,
  type CompressionOptions,
  empty,
  files,
  html,
  type HttpHandler,
  json,
  Reply,
  sse,
  stream,
  type StreamBody,
  type StreamInit,
  text,
  withHeaders,
} from "../../src/http/index.ts";
import { CALM_NETWORK, type SimPeer } from "../../src/sim/index.ts";
import {
  type HttpWorld,
  request,
  type Response as Answer,
  responsesOf,
  SOON_MS,
  withServer,
  type WorldOptions,
} from "./support.ts";

const LONG = "All happy families are alike. ".repeat(100);
const CODINGS: readonly ContentCoding[] = ["br", "gzip", "zstd"];
const NARROW = {
  network: { ...CALM_NETWORK, sendBufferBytes: [1_000, 1_000] as const, receiveBufferBytes: 1_000 },
  writeStallMs: 1e9,
};

/** Bun's compressors, counted; one that is called while it works throws. */
class Watched implements Compression {
  opened = 0;
  closed = 0;
  /** Bytes that went in, by step. */
  readonly log: string[] = [];
  /** Throws at a step. */
  failAt = "";

  atOnce(coding: ContentCoding, level: number, data: Uint8Array): Uint8Array {
    this.log.push(`${coding} ${level} at once`);
    return bunCompression.atOnce(coding, level, data);
  }

  open(coding: ContentCoding, level: number): Compressor {
    if (this.failAt === "open") throw new Error("no memory");
    const compressor = bunCompression.open(coding, level);
    this.opened++;
    this.log.push(`${coding} ${level}`);
    let isWorking = false;
    let isClosed = false;
    return {
      push: async (data, step) => {
        if (isWorking || isClosed) throw new Error(`pushed to a compressor that is ${isClosed ? "closed" : "at work"}`);
        isWorking = true;
        this.log.push(`${step} ${data.length}`);
        if (step === this.failAt) throw new Error("the compressor broke");
        const pieces = await compressor.push(data, step);
        isWorking = false;
        return pieces;
      },
      close: () => {
        if (!isClosed) this.closed++;
        isClosed = true;
        compressor.close();
      },
    };
  }
}

/** As `withServer`, with `handler` compressed. At its end no compressor is open. */
async function withCompression(
  handler: HttpHandler,
  body: (world: HttpWorld, watched: Watched) => Operation<unknown>,
  options: CompressionOptions & WorldOptions = {},
): Promise<void> {
  const watched = new Watched();
  await withServer(
    compressed(handler, options),
    function* (world) {
      world.simulation.host.compression = watched;
      yield* body(world, watched);
    },
    options,
  );
  expect(watched.closed).toBe(watched.opened);
}

/** The body of an answer as it was before its coding; of one that is cut off, what can be read of it. */
function decoded({ body, headers }: Answer): string {
  return decode(headers.get("content-encoding"), body);
}

function decode(coding: string | undefined, body: string): string {
  const data = Buffer.from(body, "latin1");
  if (coding === "gzip") return gunzipSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  if (coding === "br") return brotliDecompressSync(data, { finishFlush: constants.BROTLI_OPERATION_FLUSH }).toString();
  if (coding === "zstd") return zstdDecompressSync(data, { finishFlush: constants.ZSTD_e_flush }).toString();
  return data.toString();
}

/** Compressors work in real time, and virtual time does not wait for them: gives the real loop a turn. */
const realTurn = (): Operation<void> => until(new Promise((resolve) => void setImmediate(resolve)));

/** Waits until `condition` holds. */
function* waitFor(condition: () => boolean): Steps<void> {
  while (!condition()) {
    yield* sleep(1);
    yield* realTurn();
  }
}

/** Waits until `peer` has `count` whole answers. */
function* answers(peer: SimPeer, count = 1, ...methods: string[]): Steps<readonly Answer[]> {
  yield* waitFor(() => responsesOf(peer, ...methods).final.length >= count);
  return responsesOf(peer, ...methods).final;
}

/** What a client that accepts `accept` gets of `reply`. */
async function answerTo(
  reply: () => Reply,
  accept: string | null = "gzip",
  options: CompressionOptions = {},
): Promise<Answer> {
  let answer: Answer | undefined;
  await withCompression(
    reply,
    function* (world) {
      const peer = world.connect(request("GET /", accept === null ? [] : [`Accept-Encoding: ${accept}`]));
      [answer] = yield* answers(peer);
    },
    options,
  );
  if (answer === undefined) throw new Error("there is no answer");
  return answer;
}

const encodingOf = async (accept: string | null, options?: CompressionOptions): Promise<string | undefined> =>
  (await answerTo(() => text(LONG), accept, options)).headers.get("content-encoding");

describe("compressed", () => {
  test.each(CODINGS)("compressed sends a short body in %s with its length", async (coding) => {
    const answer = await answerTo(() => html(LONG, { headers: { "x-a": "b" }, status: 203 }), coding);
    expect(answer.status).toBe(203);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-encoding": coding,
      "content-type": "text/html; charset=utf-8",
      "content-length": String(answer.body.length),
      vary: "Accept-Encoding",
      "x-a": "b",
    });
    expect(answer.body.length).toBeLessThan(LONG.length / 5);
    expect(decoded(answer)).toBe(LONG);
  });

  test.each(CODINGS)("compressed sends a long body and a stream in %s, in chunks", async (coding) => {
    const long = Array.from({ length: 200_000 }, (_, index) => (index * 7_919).toString(36)).join(" ");
    const replies = [
      (): Reply => text(long),
      (): Reply => bytes(Buffer.from(long), { type: "application/json" }),
      (): Reply =>
        stream(
          function* (writer) {
            for (let at = 0, size = 1; at < long.length; at += size, size++)
              yield* writer.write(long.slice(at, at + size));
          },
          { type: "text/plain" },
        ),
    ];
    for (const reply of replies) {
      const answer = await answerTo(reply, coding);
      expect([answer.headers.get("content-encoding"), answer.headers.get("transfer-encoding")]).toEqual([
        coding,
        "chunked",
      ]);
      expect(answer.headers.has("content-length")).toBe(false);
      expect(decoded(answer) === long).toBe(true);
    }
  });

  test("compressed sends whatever a stream writes, in whatever pieces and with flushes in between", async () => {
    const steps = fc.array(fc.oneof(fc.constant("flush"), fc.uint8Array({ maxLength: 40_000, size: "max" })), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(...CODINGS), async (list, coding) => {
        const answer = await answerTo(
          () =>
            stream(
              function* (writer) {
                for (const step of list) yield* typeof step === "string" ? writer.flush() : writer.write(step);
              },
              { type: "text/plain" },
            ),
          coding,
        );
        const whole = Buffer.concat(list.filter((step) => typeof step !== "string"));
        expect(decoded(answer)).toBe(whole.toString());
      }),
      { numRuns: 30 },
    );
  });

  test("compressed takes what handlers give in every form", () =>
    withCompression(
      ({ path }) => {
        if (path === "/promise") return Promise.resolve(text(LONG));
        if (path === "/response") return new Response(LONG, { headers: { "content-type": "text/plain" } });
        return (function* () {
          yield* sleep(1);
          return text(LONG);
        })();
      },
      function* (world) {
        for (const path of ["/promise", "/response", "/operation"]) {
          const peer = world.connect(request(`GET ${path}`, ["Accept-Encoding: gzip"]));
          const [answer] = yield* answers(peer);
          expect([answer?.headers.get("content-encoding"), answer && decoded(answer)]).toEqual(["gzip", LONG]);
        }
      },
    ));

  test("compressed uses the levels that it is given, and its own for the rest", () =>
    withCompression(
      ({ path }) => (path === "/" ? text(LONG) : text(LONG.repeat(100))),
      function* (world, watched) {
        for (const accept of ["gzip", "br", "zstd"]) {
          const peer = world.connect(
            request("GET /", [`Accept-Encoding: ${accept}`]) + request("GET /long", [`Accept-Encoding: ${accept}`]),
          );
          yield* answers(peer, 2);
        }
        expect(watched.log.filter((line) => /\d( at once)?$/.test(line) && /^(gzip|br|zstd)/.test(line))).toEqual([
          "gzip 1 at once",
          "gzip 1",
          "br 4 at once",
          "br 4",
          "zstd 19 at once",
          "zstd 19",
        ]);
      },
      { levels: { gzip: 1, zstd: 19 } },
    ));

  test("compressed leaves replies as they are on a host without compressors", () =>
    withServer(
      compressed(() => text(LONG)),
      function* (world) {
        const peer = yield* world.ask(request("GET /", ["Accept-Encoding: gzip"]));
        expect(responsesOf(peer).final[0]?.body).toBe(LONG);
        expect(responsesOf(peer).final[0]?.headers.has("vary")).toBe(false);
      },
    ));

  test("compressed refuses options that make no sense", () => {
    const handler = (): Reply => text("");
    expect(() => compressed(handler, { bytesMin: -1 })).toThrow(RangeError);
    expect(() => compressed(handler, { codings: ["deflate" as ContentCoding] })).toThrow(
      'Cannot compress with "deflate"',
    );
    for (const [coding, level] of [
      ["gzip", 10],
      ["br", 12],
      ["zstd", 0],
      ["zstd", 1.5],
    ] as const)
      expect(() => compressed(handler, { levels: { [coding]: level } })).toThrow(
        `${coding} at level ${level}: not one from 1`,
      );
    expect(() => compressed(handler, { codings: ["toString" as ContentCoding] })).toThrow(RangeError);
  });
});

describe("compressed and what the client accepts", () => {
  test.each([
    [null, undefined],
    ["", undefined],
    ["identity", undefined],
    ["deflate, x", undefined],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["gzip, br, zstd", "zstd"],
    ["gzip, deflate, br", "br"],
    ["zstd;q=0.5, br;q=0.9, gzip;q=0.8", "br"],
    ["zstd;q=0, *", "br"],
    ["*", "zstd"],
    ["*;q=0.1, gzip;q=0.2", "gzip"],
    ["gzip;q=0", undefined],
    ["gzip;q=0.5, identity;q=0.9", undefined],
    ["gzip;q=0.5, identity;q=0.5", "gzip"],
    ["identity;q=0", undefined],
    ["*;q=0", undefined],
    ["gzip;q=0, *;q=0", undefined],
    ["br;q=0, identity;q=0, gzip", "gzip"],
    ["gzip;q=x", undefined],
  ])("compressed answers Accept-Encoding %j with %j", async (accept, coding) => {
    expect(await encodingOf(accept)).toBe(coding);
  });

  test("compressed prefers its codings in the order that it is given, among those that the client likes equally", async () => {
    const codings = ["gzip", "br"] as const;
    expect(await encodingOf("zstd, br, gzip", { codings })).toBe("gzip");
    expect(await encodingOf("zstd, br, gzip;q=0.9", { codings })).toBe("br");
    expect(await encodingOf("zstd", { codings })).toBeUndefined();
    expect(await encodingOf("gzip", { codings: [] })).toBeUndefined();
  });

  test("compressed reads a field that was sent in two lines", () =>
    withCompression(
      () => text(LONG),
      function* (world) {
        const peer = world.connect(request("GET /", ["Accept-Encoding: deflate", "Accept-Encoding: gzip"]));
        expect((yield* answers(peer))[0]?.headers.get("content-encoding")).toBe("gzip");
      },
    ));

  test("compressed tells caches that the answer depends on it, also where it sends the plain body", async () => {
    for (const accept of [null, "identity", "gzip", "*;q=0"])
      expect((await answerTo(() => text(LONG), accept)).headers.get("vary")).toBe("Accept-Encoding");
  });

  test.each([
    [["Vary: Origin"], "Origin, Accept-Encoding"],
    [["vary: Origin", "Vary: Cookie"], "Origin, Cookie, Accept-Encoding"],
    [["Vary: accept-encoding"], "accept-encoding"],
    [["Vary: Origin,Accept-Encoding , Cookie"], "Origin,Accept-Encoding , Cookie"],
    [["Vary: *"], "*"],
    [["Vary: X-Accept-Encoding"], "X-Accept-Encoding, Accept-Encoding"],
  ])("compressed merges %j into %j", async (lines, vary) => {
    const headers = lines.map((line): [string, string] => [line.slice(0, 4), line.slice(6)]);
    for (const accept of ["gzip", "identity"])
      expect((await answerTo(() => text(LONG, { headers }), accept)).headers.get("vary")).toBe(vary);
  });
});

describe("compressed and what it leaves alone", () => {
  const plain = (init: StreamInit = {}): Reply => text(LONG, init);
  const streamed = (init: StreamInit): Reply =>
    stream(function* (writer) {
      yield* writer.write(LONG.slice(0, init.length ?? LONG.length));
    }, init);

  test.each<[string, () => Reply]>([
    ["a short body", () => text("x".repeat(1_023))],
    ["a short body whose characters are long", () => text("ü".repeat(511))],
    ["a stream known to be short", () => streamed({ type: "text/plain", length: 1_023 })],
    ["bytes", () => bytes(Buffer.from(LONG))],
    ["an image", () => bytes(Buffer.from(LONG), { type: "image/png" })],
    ["a stream of no type", () => streamed({ type: "" })],
    ["a type that the handler's header overrides", () => plain({ headers: { "Content-Type": "image/png" } })],
    ["an event stream", () => sse((events) => events.send({ data: LONG }))],
    ["an event stream by header", () => plain({ headers: { "content-type": "text/event-stream;charset=utf-8" } })],
    ["a partial answer", () => plain({ status: 206 })],
    ["a reply with Content-Range", () => plain({ headers: { "content-range": "bytes 0-1/2" } })],
    ["a reply that has a coding", () => plain({ headers: { "Content-Encoding": "br" } })],
    ["a reply with a digest", () => plain({ headers: { "Repr-Digest": "sha-256=:x:" } })],
    ["no-transform", () => plain({ headers: { "Cache-Control": "public, No-Transform" } })],
    ["an empty reply", () => empty(200)],
    ["204", () => plain({ status: 204 })],
  ])("compressed leaves alone %s", async (_title, reply) => {
    const [given, sent] = [reply(), await answerTo(reply)];
    expect(sent.status).toBe(given.status);
    expect(sent.headers.get("vary")).toBeUndefined();
    for (const [name, value] of given.headers) expect(sent.headers.get(name.toLowerCase())).toBe(value);
    const has = given.headers.some(([name]) => name.toLowerCase() === "content-encoding");
    expect(sent.headers.has("content-encoding")).toBe(has);
  });

  test.each<[string, () => Reply]>([
    ["a body of the least size", () => text("x".repeat(1_024))],
    ["a short body whose characters are long", () => text("ü".repeat(512))],
    ["JSON", () => json(LONG)],
    ["SVG", () => bytes(Buffer.from(LONG), { type: "image/svg+xml" })],
    ["a type in capitals with parameters", () => bytes(Buffer.from(LONG), { type: "Application/Problem+JSON ; a=b" })],
    ["WebAssembly", () => bytes(Buffer.from(LONG), { type: "application/wasm" })],
    ["a stream of unknown length", () => streamed({ type: "text/css" })],
    ["a stream known to be long", () => streamed({ type: "text/css", length: LONG.length })],
    ["an error page", () => plain({ status: 404 })],
    ["caching that allows it", () => plain({ headers: { "cache-control": "no-transformation, max-age=1" } })],
    [
      "a type that the handler's header gives",
      () => bytes(Buffer.from(LONG), { headers: { "content-type": "text/x" } } as StreamInit),
    ],
  ])("compressed compresses %s", async (_title, reply) => {
    const answer = await answerTo(reply);
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(Buffer.from(answer.body, "latin1")).length).toBeGreaterThanOrEqual(1_024);
  });

  test("compressed takes its own sizes and types from options", async () => {
    expect((await answerTo(() => text("x".repeat(30)), "gzip", { bytesMin: 10 })).headers.get("content-encoding")).toBe(
      "gzip",
    );
    const isCompressible = (type: string): boolean => type === "image/png";
    const picture = (): Reply => bytes(Buffer.from(LONG), { type: "IMAGE/png" });
    expect((await answerTo(picture, "gzip", { isCompressible })).headers.get("content-encoding")).toBe("gzip");
    expect((await answerTo(plain, "gzip", { isCompressible })).headers.has("content-encoding")).toBe(false);
  });

  test("compressed sends a body plain that compression makes no smaller", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(2_000));
    for (const coding of CODINGS) {
      const answer = await answerTo(() => bytes(noise, { type: "text/plain" }), coding);
      expect([answer.headers.has("content-encoding"), answer.headers.get("vary")]).toEqual([false, "Accept-Encoding"]);
      expect(answer.body).toBe(Buffer.from(noise).toString("latin1"));
    }
  });
});

describe("compressed and the other fields", () => {
  const tagged = (tag: string): Reply => text(LONG, { headers: { ETag: tag, "Accept-Ranges": "bytes" } });

  test("compressed weakens a strong tag of what it compresses, and takes back the offer of ranges", async () => {
    const answer = await answerTo(() => tagged('"x"'));
    expect([answer.headers.get("etag"), answer.headers.has("accept-ranges")]).toEqual(['W/"x"', false]);
    expect((await answerTo(() => tagged('W/"x"'))).headers.get("etag")).toBe('W/"x"');
    const untouched = await answerTo(() => tagged('"x"'), "identity");
    expect([untouched.headers.get("etag"), untouched.headers.get("accept-ranges")]).toEqual(['"x"', "bytes"]);
  });

  test("compressed says in a 304 what it would have said in the answer", async () => {
    const unmodified = (): Reply => empty(304, { headers: { etag: '"x"' } });
    const fields = ({ headers }: Answer): unknown => [
      headers.get("etag"),
      headers.get("vary"),
      headers.has("content-encoding"),
    ];
    expect(fields(await answerTo(unmodified))).toEqual(['W/"x"', "Accept-Encoding", false]);
    expect(fields(await answerTo(unmodified, "identity"))).toEqual(['"x"', "Accept-Encoding", false]);
  });

  test("compressed leaves files their conditions and ranges: what was sent compressed is not sent again", () =>
    withCompression(files("/site"), function* (world) {
      const changed = Date.UTC(2025, 1, 1);
      world.simulation.host.files.put("/site/a.txt", LONG, changed);
      const ask = function* (...lines: string[]): Steps<Answer> {
        const peer = world.connect(request("GET /a.txt", lines));
        yield* waitFor(() => responsesOf(peer).final.length > 0);
        return responsesOf(peer).final[0] as Answer;
      };
      for (const coding of CODINGS) {
        const sent = yield* ask(`Accept-Encoding: ${coding}`);
        const tag = sent.headers.get("etag") as string;
        expect([tag.slice(0, 3), decoded(sent), sent.headers.get("vary")]).toEqual(['W/"', LONG, "Accept-Encoding"]);
        const again = yield* ask(`Accept-Encoding: ${coding}`, `If-None-Match: "other", ${tag}`);
        expect([again.status, again.headers.get("etag"), again.headers.get("vary")]).toEqual([
          304,
          tag,
          "Accept-Encoding",
        ]);
        // A part of the plain file must not be put to the compressed one.
        const rest = yield* ask(`Accept-Encoding: ${coding}`, "Range: bytes=9-", `If-Range: ${tag}`);
        expect([rest.status, decoded(rest)]).toEqual([200, LONG]);
        const match = yield* ask(`Accept-Encoding: ${coding}`, `If-Match: ${tag}`);
        expect(match.status).toBe(412);
      }
      const part = yield* ask("Accept-Encoding: gzip", "Range: bytes=0-2");
      expect([part.status, part.body, part.headers.has("content-encoding")]).toEqual([206, LONG.slice(0, 3), false]);
    }));

  test("compressed answers HEAD with the fields of GET, and without its body", () => {
    let abandoned = 0;
    let runs = 0;
    const body: StreamBody = Object.assign(
      function* () {
        runs++;
      },
      { abandon: () => void abandoned++ },
    );
    return withCompression(
      ({ path }) =>
        path === "/text" ? text(LONG, { headers: { etag: '"x"' } }) : stream(body, { type: "text/plain" }),
      function* (world, watched) {
        const ask = (method: string, path: string): string => request(`${method} ${path}`, ["Accept-Encoding: br"]);
        const peer = world.connect(ask("GET", "/text") + ask("HEAD", "/text") + ask("HEAD", "/stream"));
        const [get, head, streamed] = yield* answers(peer, 3, "GET", "HEAD", "HEAD");
        expect(head?.headers).toEqual(get?.headers as ReadonlyMap<string, string>);
        expect(streamed?.headers.get("content-encoding")).toBe("br");
        expect([runs, abandoned, watched.opened]).toEqual([0, 1, 0]);
      },
    );
  });
});

describe("compressed streams", () => {
  /** A server with one stream. */
  const streaming =
    (body: StreamBody, init: StreamInit = {}): HttpHandler =>
    () =>
      stream(body, { type: "text/plain", ...init });
  const get = request("GET /", ["Accept-Encoding: gzip"]);

  /** What a client can read of an answer that is still under way. */
  function readable(peer: SimPeer, coding = "gzip"): string {
    const raw = Buffer.from(peer.received).toString("latin1");
    let rest = raw.slice(raw.indexOf("\r\n\r\n") + 4);
    let body = "";
    for (
      let line = /^([\da-f]+)\r\n/.exec(rest);
      line !== null && line[1] !== "0";
      line = /^([\da-f]+)\r\n/.exec(rest)
    ) {
      const size = Number.parseInt(line[1] ?? "", 16);
      body += rest.slice(line[0].length, line[0].length + size);
      rest = rest.slice(line[0].length + size + 2);
    }
    return body === "" ? "" : decode(coding, body);
  }

  test.each(CODINGS)("compressed lets out in %s all that was written when the handler flushes", (coding) =>
    withCompression(
      streaming(function* (writer) {
        for (const part of ["one ", "two ", "three "]) {
          yield* writer.write(part);
          yield* writer.flush();
          yield* sleep(10_000);
        }
      }),
      function* (world) {
        const peer = world.connect(request("GET /", [`Accept-Encoding: ${coding}`]));
        for (const seen of ["one ", "one two ", "one two three "]) {
          yield* waitFor(() => readable(peer, coding) === seen);
        }
        expect((yield* answers(peer)).map(decoded)).toEqual(["one two three "]);
      },
    ),
  );

  test("compressed sends a stream's head at once", () =>
    withCompression(
      streaming(function* () {
        yield* sleepForever();
      }),
      function* (world) {
        const peer = yield* world.ask(get);
        expect(peer.text).toEndWith("\r\n\r\n");
        peer.reset();
        yield* sleep(SOON_MS);
      },
    ));

  test("compressed gathers small writes into few calls of the compressor", () =>
    withCompression(
      streaming(function* (writer) {
        for (let i = 0; i < 10_000; i++) yield* writer.write("0123456789");
        yield* writer.write("x".repeat(100_000));
      }),
      function* (world, watched) {
        const [answer] = yield* answers(world.connect(get));
        expect(answer && decoded(answer)).toBe("0123456789".repeat(10_000) + "x".repeat(100_000));
        expect(watched.log.length).toBeLessThan(12);
      },
    ));

  test("compressed parks a handler whose client is behind, and holds little for it", () => {
    let written = 0;
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    return withCompression(
      streaming(function* (writer) {
        for (; written < 100; written++) yield* writer.write(noise);
      }),
      function* (world) {
        const peer = world.connect(get);
        yield* sleep(1);
        peer.pause();
        yield* sleep(60_000);
        expect(written).toBeLessThan(6);
        peer.resume();
        yield* waitFor(() => written === 100);
        const [answer] = yield* answers(peer);
        expect(gunzipSync(Buffer.from(answer?.body ?? "", "latin1")).length).toBe(6_553_600);
      },
      NARROW,
    );
  });

  test("compressed leaves no gap and nothing twice when writes are cancelled: each is taken whole or not at all", () => {
    const taken: string[] = [];
    return withCompression(
      streaming(function* (writer) {
        for (let i = 0; taken.length < 40; i++) {
          // Noise, so that what comes out of the compressor is enough to have to wait for the client.
          const data = `${i} ${Buffer.from(crypto.getRandomValues(new Uint8Array(20_000))).toString("base64")}`;
          const outcome = yield* moveOnAfter(
            i % 3,
            (function* () {
              yield* writer.write(data);
              return true;
            })(),
          );
          if (outcome === true) taken.push(data);
          if (i % 7 === 0) yield* moveOnAfter(1, writer.flush());
        }
      }),
      function* (world) {
        const peer = world.connect(get);
        yield* sleep(1);
        peer.pause();
        yield* sleep(1_000);
        peer.resume();
        yield* waitFor(() => taken.length === 40);
        const [answer] = yield* answers(peer);
        expect((answer && decoded(answer)) === taken.join("")).toBe(true);
      },
      {
        network: { ...CALM_NETWORK, sendBufferBytes: [20_000, 20_000], receiveBufferBytes: 20_000 },
        writeStallMs: 1e9,
      },
    );
  });

  test("compressed calls the compressor once at a time when two tasks of a handler write", () => {
    const lines: string[] = [];
    return withCompression(
      streaming((writer) =>
        scope(function* (tasks) {
          for (const letter of ["a", "b"])
            tasks.spawn(function* () {
              for (let i = 0; i < 20; i++) {
                const line = `${letter}${i} ${"x".repeat(20_000)}\n`;
                yield* writer.write(line);
                lines.push(line);
                yield* sleep(i % 3);
              }
            });
        }),
      ),
      function* (world) {
        const [answer] = yield* answers(world.connect(get));
        expect(world.errors).toEqual([]);
        const sent = (answer && decoded(answer))?.match(/.*\n/g)?.toSorted();
        expect(sent).toEqual(lines.toSorted());
      },
    );
  });

  test("compressed closes the compressor when the client is gone, and the handler's finally runs", () => {
    const log: string[] = [];
    return withCompression(
      streaming(function* (writer) {
        try {
          for (;;) {
            yield* writer.write(LONG.repeat(10));
            yield* sleep(1);
          }
        } finally {
          log.push("finally");
        }
      }),
      function* (world, watched) {
        for (let i = 0; i < 5; i++) {
          const peer = world.connect(get);
          yield* sleep(30 + i);
          peer.reset();
          yield* sleep(SOON_MS);
        }
        expect([watched.opened, watched.closed, log.length, world.errors]).toEqual([5, 5, 5, []]);
      },
    );
  });

  test("compressed cuts the connection when the handler's stream throws, and does not make it look whole", () =>
    withCompression(
      streaming(function* (writer) {
        yield* writer.write(LONG.repeat(100));
        yield* writer.flush();
        throw new Error("secret");
      }),
      function* (world, watched) {
        const peer = world.connect(get.repeat(2));
        yield* waitFor(() => peer.ended);
        expect([responsesOf(peer).statuses, world.errors.map(String)]).toEqual([[], ["Error: secret"]]);
        expect(readable(peer)).toBe(LONG.repeat(100));
        expect(watched.log.some((line) => line.startsWith("end"))).toBe(false);
      },
    ));

  test.each(["gather", "flush", "end"])(
    "compressed tells of a compressor that breaks at %s, and cuts the connection",
    (step) =>
      withCompression(
        streaming(function* (writer) {
          for (let i = 0; i < 3; i++) {
            yield* writer.write("x".repeat(20_000));
            yield* writer.flush();
          }
        }),
        function* (world, watched) {
          watched.failAt = step;
          const peer = world.connect(get);
          yield* waitFor(() => peer.ended);
          expect([responsesOf(peer).statuses, world.errors.map(String)]).toEqual([[], ["Error: the compressor broke"]]);
        },
      ),
  );

  test("compressed lets go of a stream whose compressor cannot be opened", () => {
    const log: string[] = [];
    const body = Object.assign(() => sleep(1), { abandon: () => void log.push("abandoned") });
    return withCompression(streaming(body), function* (world, watched) {
      watched.failAt = "open";
      const peer = world.connect(get);
      yield* waitFor(() => peer.ended);
      expect([log, world.errors.map(String)]).toEqual([["abandoned"], ["Error: no memory"]]);
    });
  });

  test("compressed holds a stream to the length that it announced", () =>
    withCompression(
      ({ path }) =>
        stream(
          function* (writer) {
            yield* writer.write("x".repeat(path === "/short" ? 1_999 : path === "/long" ? 2_001 : 2_000));
          },
          { type: "text/plain", length: 2_000 },
        ),
      function* (world) {
        for (const path of ["/exact", "/short", "/long"]) {
          const peer = world.connect(request(`GET ${path}`, ["Accept-Encoding: gzip"]));
          yield* waitFor(() => peer.ended || responsesOf(peer).final.length > 0);
          expect(responsesOf(peer).final.map(decoded)).toEqual(path === "/exact" ? ["x".repeat(2_000)] : []);
        }
        expect(world.errors).toMatchObject([
          { code: "ERR_HTTP_BODY_LENGTH", message: "Cannot end the body: 1 bytes that were announced are missing" },
          { code: "ERR_HTTP_BODY_LENGTH", message: "Cannot write the body: it is 1 bytes longer than announced" },
        ]);
      },
    ));

  test("compressed does not count a write that was cancelled", () => {
    let cancelled = 0;
    return withCompression(
      streaming(
        function* (writer) {
          const noise = crypto.getRandomValues(new Uint8Array(100_000));
          for (let taken = 0; taken < 5;) {
            const outcome = yield* moveOnAfter(
              1,
              (function* () {
                yield* writer.write(noise);
                return true;
              })(),
            );
            if (outcome === true) taken++;
            else cancelled++;
          }
        },
        { length: 500_000 },
      ),
      function* (world) {
        const peer = world.connect(get);
        yield* sleep(1);
        peer.pause();
        yield* waitFor(() => cancelled > 20);
        peer.resume();
        const [answer] = yield* answers(peer);
        expect(gunzipSync(Buffer.from(answer?.body ?? "", "latin1")).length).toBe(500_000);
        expect(world.errors).toEqual([]);
      },
      NARROW,
    );
  });

  test("compressed reads a reply that another middleware has changed", async () => {
    const answer = await answerTo(() => withHeaders(text(LONG), { "x-served-by": "mill" }));
    expect([answer.headers.get("x-served-by"), decoded(answer)]).toEqual(["mill", LONG]);
  });
});
