// Errors of the JSON API: handlers throw them, two middlewares make answers of one shape of them, with the id under which the log has more.

import { isCancelled, TimeoutError } from "millrace";
import {
  json,
  mapReply,
  type Middleware,
  Rejection,
  type Reply,
  replyOf,
  requestLocal,
  withHeaders,
} from "millrace/http";
import { OrderError } from "./shop.ts";

/** Something to tell the client, with the status that says whose fault it is. */
export class Problem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const requestId = requestLocal<string>("request id");

/** Gives each request an id, and tells it to the client. */
export const withRequestId: Middleware = (next) => (request) => {
  const id = crypto.randomUUID();
  requestId.set(request, id);
  return mapReply(request, next(request), (reply) => withHeaders(reply, { "x-request-id": id }));
};

/** Tells errors in one shape. Stands inside of {@link withRequestId}. */
export const errorsAsJson: Middleware = (next) =>
  function* (request) {
    const id = requestId.get(request);
    try {
      const reply = yield* replyOf(request, next(request));
      const { status, type, headers, body } = reply;
      // The router's 404 and 405 are text.
      const isText = status >= 400 && type !== "application/json" && typeof body === "string";
      return isText ? problem(status, body.trim(), id, headers) : reply;
    } catch (error) {
      if (error instanceof Problem) return problem(error.status, error.message, id);
      if (error instanceof OrderError) return problem(409, error.message, id);
      if (error instanceof TimeoutError) return problem(504, "it took too long", id);
      // A body that is too long, broken, or no JSON.
      if (error instanceof Rejection) return problem(error.status, error.reason, id);
      // The client has left.
      if (isCancelled(error)) throw error;
      console.error(`request ${id} failed:`, error);
      return problem(500, "something is wrong here", id);
    }
  };

/** An error as this API tells it. */
function problem(status: number, message: string, requestId: string, headers: Reply["headers"] = []): Reply {
  return json({ error: { status, message, requestId } }, { status, headers });
}
