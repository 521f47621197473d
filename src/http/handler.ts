// What a handler may be and give.

import { type Operation, describeValue, operationOf } from "../core/operation.ts";

import { until } from "../concurrency/until.ts";
import { Reply } from "./reply.ts";
import type { HttpRequest } from "./request.ts";
import type { Wait } from "../core/task.ts";

/** What a handler gives: a reply, a promise of one (async functions), or an operation that gives one (generator functions). */
export type HandlerResult = Reply | PromiseLike<Reply> | Operation<Reply>;

/** Answers one request. A plain function that returns a reply costs no generator. */
export type HttpHandler = (request: HttpRequest) => HandlerResult;

/** Waits for a reply that is not there at once. @throws TypeError when what comes is no reply. */
export function* replyOf(result: HandlerResult): Generator<Wait, Reply, unknown> {
  let reply: unknown = result;
  if (isPromise(result)) reply = yield* until(result);
  else if (isOperation(result)) reply = yield* operationOf(result, "Cannot run a handler");
  if (reply instanceof Reply) return reply;
  throw new TypeError(`Cannot send a reply: expected one, such as text("..."), and found ${describeValue(reply)}`);
}

function isPromise(value: unknown): value is PromiseLike<Reply> {
  return typeof (value as PromiseLike<Reply> | null | undefined)?.then === "function";
}

function isOperation(value: unknown): value is Operation<Reply> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
