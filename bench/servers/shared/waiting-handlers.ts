// The handlers of our arm that wait, in millrace's own words: generator functions. Their twins are in async-handlers.ts.

import { RedisClient } from "bun";

import { until, type Steps } from "../../../src/index.ts";
import { bytes, type Reply, type Route, stream, text } from "../../../src/http/index.ts";
import {
  BIG_BYTES,
  BIG_PIECE_BYTES,
  bigPiece,
  DEPTH,
  GREETING,
  PROMISES,
  REDIS_KEY,
  STREAM_PIECES,
} from "./answers.ts";

/** `GET /` as a generator function that happens not to wait. */
export const GREETING_TASK_ROUTE: Route = [
  "GET",
  "/",
  function* () {
    return text(GREETING);
  },
];

/** Routes whose handlers wait. */
export const WAITING_ROUTES: readonly Route[] = [
  [
    "POST",
    "/echo",
    function* (request) {
      return bytes(yield* request.bytes());
    },
  ],
  ["GET", "/stream", streamed],
  ["GET", "/big", big],
  ["GET", "/promises", awaitPromises],
  [
    "GET",
    "/deep",
    function* () {
      return text(String(yield* descend(DEPTH)));
    },
  ],
];

/** `GET /redis` against the Redis server at `port`. */
export function redisRoute(port: number): Route {
  const redis = new RedisClient(`redis://127.0.0.1:${port}`);
  return [
    "GET",
    "/redis",
    function* () {
      return text((yield* until(redis.get(REDIS_KEY))) ?? "");
    },
  ];
}

function streamed(): Reply {
  return stream(function* (writer) {
    for (const piece of STREAM_PIECES) yield* writer.write(piece);
  });
}

function big(): Reply {
  return stream(function* (writer) {
    for (let sent = 0; sent < BIG_BYTES; sent += BIG_PIECE_BYTES) yield* writer.write(bigPiece());
  });
}

function* awaitPromises(): Steps<Reply> {
  let sum = 0;
  for (let i = 1; i <= PROMISES; i++) sum += yield* until(Promise.resolve(i));
  return text(String(sum));
}

/** A chain of `levels` calls with a wait at its bottom. */
function* descend(levels: number): Steps<number> {
  if (levels === 1) return yield* until(Promise.resolve(1));
  return (yield* descend(levels - 1)) + 1;
}
