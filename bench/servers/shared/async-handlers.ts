// The handlers that wait, as async functions on the twin's own request and reply: what waiting-handlers.ts is to generators.

import { RedisClient } from "bun";

import { bytes, type Reply, type Route, text } from "../../../src/http/index.ts";
import { DEPTH, GREETING, REDIS_KEY, STREAM_PIECES } from "./answers.ts";
import { type AsyncBodyWriter, type AsyncRequest, asyncStream } from "./async-http.ts";
import { descend, sumOfPromises } from "./async-work.ts";

/** `GET /` as an async function that happens not to wait. */
export const ASYNC_GREETING_ROUTE: Route = ["GET", "/", async () => text(GREETING)];

/** Routes whose handlers wait. */
export const ASYNC_ROUTES: readonly Route[] = [
  ["POST", "/echo", (request) => echoBody(request as AsyncRequest)],
  ["GET", "/stream", () => asyncStream(writePieces)],
  ["GET", "/promises", async () => text(String(await sumOfPromises()))],
  ["GET", "/deep", async () => text(String(await descend(DEPTH)))],
];

/** `GET /redis` against the Redis server at `port`. */
export function asyncRedisRoute(port: number): Route {
  const redis = new RedisClient(`redis://127.0.0.1:${port}`);
  return ["GET", "/redis", async () => text((await redis.get(REDIS_KEY)) ?? "")];
}

async function echoBody(request: AsyncRequest): Promise<Reply> {
  return bytes(await request.readBody());
}

async function writePieces(writer: AsyncBodyWriter): Promise<void> {
  for (const piece of STREAM_PIECES) {
    const full = writer.write(piece);
    if (full !== undefined) await full;
  }
}
