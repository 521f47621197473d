// What Bun gives by itself: `Bun.serve` with a handler for each route, or, with --static, the greeting as a static route, which Bun sends
// without calling JavaScript. Whatever does not depend on the request is made once. It has no echo.

import { RedisClient } from "bun";

import {
  ADDED_FIELD,
  BIG_BYTES,
  BIG_PIECE_BYTES,
  bigPiece,
  BYTES_TYPE,
  DEPTH,
  GREETING,
  millFor,
  pageText,
  READ_FIELD,
  REDIS_KEY,
  STREAM_PIECES,
} from "./shared/answers.ts";
import { descend, sumOfPromises } from "./shared/async-work.ts";
import { announce, idleTimeoutOf, serverFlags } from "./shared/flags.ts";

const { port, redisPort, isStatic, headMs } = serverFlags();

const TYPE = { "content-type": "text/plain; charset=utf-8" };
// A Response made from Headers takes 260 ns, one made from a plain object 450.
const TEXT = { headers: new Headers(TYPE) };
const BYTES = { headers: new Headers({ "content-type": BYTES_TYPE }) };
const JSON_AND_ADDED = { headers: new Headers({ "content-type": "application/json", ...ADDED_FIELD }) };
const redis = redisPort === undefined ? null : new RedisClient(`redis://127.0.0.1:${redisPort}`);
const root = (): Response => new Response(GREETING, TEXT);

/** Its pieces are made when Bun asks for them. */
function bigBody(): ReadableStream<Uint8Array> {
  let left = BIG_BYTES;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        controller.enqueue(bigPiece());
        left -= BIG_PIECE_BYTES;
        if (left === 0) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}

/** Of the ways that Bun has the cheapest: a direct stream. Each piece waits until the one before it is with the client's socket. */
function streamBody(): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    type: "direct",
    async pull(controller) {
      for (const piece of STREAM_PIECES) {
        controller.write(piece);
        await controller.flush();
      }
      controller.close();
    },
  });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port,
  // Of deadlines Bun.serve has this one, in whole seconds.
  ...idleTimeoutOf(headMs),
  routes: {
    "/": isStatic ? root() : { GET: root },
    "/json": {
      GET: (request) => new Response(JSON.stringify(millFor(request.headers.get(READ_FIELD) ?? "")), JSON_AND_ADDED),
    },
    "/pages/:name": { GET: (request) => new Response(pageText(request.params.name), TEXT) },
    "/echo": { POST: async (request) => new Response(await request.bytes(), BYTES) },
    "/stream": { GET: () => new Response(streamBody(), BYTES) },
    "/promises": { GET: async () => new Response(String(await sumOfPromises()), TEXT) },
    "/deep": { GET: async () => new Response(String(await descend(DEPTH)), TEXT) },
    "/redis": { GET: async () => new Response(await redis?.get(REDIS_KEY), TEXT) },
    "/big": { GET: () => new Response(bigBody()) },
  },
  fetch: () => new Response("Not Found\n", { status: 404, ...TEXT }),
});
announce({ http: server.port ?? 0 });
