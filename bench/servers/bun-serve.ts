// What Bun gives by itself: `Bun.serve` with a handler for each route, or, with --static, the greeting as a static route, which Bun sends
// without calling JavaScript. Whatever does not depend on the request is made once. It has no echo.

import { ADDED_FIELD, BIG_BYTES, BIG_PIECE_BYTES, bigPiece, GREETING, LISTING, READ_FIELD } from "./shared/answers.ts";
import { announce, serverFlags } from "./shared/flags.ts";

const { port, isStatic, headMs } = serverFlags();

/** Bun counts idle time in ticks of 4 s: with one tick it closes connections in the middle of their work. */
const IDLE_SECONDS_MIN = 8;
const TYPE = { "content-type": "text/plain; charset=utf-8" };
// A Response made from Headers takes 260 ns, one made from a plain object 450.
const TEXT = { headers: new Headers(TYPE) };
const TEXT_AND_ADDED = { headers: new Headers({ ...TYPE, ...ADDED_FIELD }) };
const JSON_TYPE = { headers: new Headers({ "content-type": "application/json" }) };
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

const server = Bun.serve({
  hostname: "127.0.0.1",
  port,
  // Of deadlines Bun.serve has this one, in whole seconds.
  ...(headMs === undefined ? {} : { idleTimeout: Math.max(IDLE_SECONDS_MIN, Math.ceil(headMs / 1000)) }),
  routes: {
    "/": isStatic ? root() : { GET: root },
    "/add-header": { GET: () => new Response(GREETING, TEXT_AND_ADDED) },
    "/read-header": { GET: (request) => new Response(request.headers.get(READ_FIELD), TEXT) },
    "/json": { GET: () => new Response(JSON.stringify(LISTING), JSON_TYPE) },
    "/big": { GET: () => new Response(bigBody()) },
  },
  fetch: () => new Response("Not Found\n", { status: 404, ...TEXT }),
});
announce(server.port ?? 0);
