// What a handler may be and give, and how whatever it gives becomes a reply.

import { type Operation, describeValue, operationOf } from "../core/operation.ts";

import { until } from "../concurrency/until.ts";
import { isCancelled } from "../core/cancel-tree.ts";
import { abandonResponse, replyOfResponse } from "./fetch/response.ts";
import { Reply } from "./reply.ts";
import type { HttpRequest } from "./request.ts";
import type { Wait } from "../core/task.ts";

/** What ends up as the answer: a reply, or a Fetch `Response`. */
export type HandlerAnswer = Reply | Response;

/** What a handler gives: an answer, a promise of one (async functions), or an operation that gives one (generator functions). */
export type HandlerResult = HandlerAnswer | PromiseLike<HandlerAnswer> | Operation<HandlerAnswer>;

/** The parameters of a route, by name. */
export type RouteParams = Readonly<Record<string, string>>;

/**
 * Answers one request. A plain function that returns a reply costs no generator. `Params` is what its route has in `request.params`.
 *
 * @example
 * ```ts
 * import { listen, race, run, sleep, until } from "millrace";
 * import { type HttpHandler, router, serveHttp, text } from "millrace/http";
 *
 * const plain: HttpHandler = () => text("rye");
 * const promising: HttpHandler = async () => new Response("oats");
 * const waiting: HttpHandler<{ grain: string }> = function* (request) {
 *   yield* sleep(1);
 *   return text(request.params.grain);
 * };
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const handler = router([
 *     ["GET", "/rye", plain],
 *     ["GET", "/oats", promising],
 *     ["GET", "/:grain", waiting],
 *   ]);
 *   const get = (path: string) =>
 *     fetch(`http://127.0.0.1:${listener.port}${path}`).then((response) => response.text());
 *   const client = until(Promise.all(["/rye", "/oats", "/spelt"].map(get)));
 *   console.log((yield* race({ client, server: serveHttp(listener, handler) })).value); // => ["rye", "oats", "spelt"]
 * }).promise;
 * ```
 */
export type HttpHandler<Params extends object = RouteParams> = (request: HttpRequest<Params>) => HandlerResult;

/**
 * Waits for what a handler gave to `request`, as a reply. Parks while a promise or an operation is under way.
 * @throws TypeError when what comes is no answer; whatever the handler throws.
 *
 * @example
 * ```ts
 * import { listen, now, race, run, until } from "millrace";
 * import { type Middleware, replyOf, serveHttp, text, use } from "millrace/http";
 *
 * const timed: Middleware = (next) =>
 *   function* (request) {
 *     const since = now();
 *     try {
 *       return yield* replyOf(request, next(request));
 *     } finally {
 *       console.log(now() - since >= 0); // => true
 *     }
 *   };
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text()));
 *   yield* race({
 *     client,
 *     server: serveHttp(
 *       listener,
 *       use([timed], () => text("flour")),
 *     ),
 *   });
 * }).promise;
 * ```
 */
export function* replyOf(request: HttpRequest<object>, result: HandlerResult): Generator<Wait, Reply, unknown> {
  let answer: unknown = result;
  if (isPromise(result)) answer = yield* awaited(result);
  else if (isOperation(result)) answer = yield* operationOf(result, "Cannot run a handler");
  if (answer instanceof Reply) return answer;
  if (answer instanceof Response) return replyOfResponse(answer, request);
  const hint = answer === undefined ? ": is a return missing?" : "";
  throw new TypeError(
    `Cannot send a reply: expected one, such as text("..."), and found ${describeValue(answer)}${hint}`,
  );
}

/**
 * What `change` makes of the reply that a handler gave to `request`: the way in which middleware looks at answers. A reply that is there is
 * changed at once, without a generator.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { mapReply, type Middleware, serveHttp, text, use, withHeaders } from "millrace/http";
 *
 * const stamp: Middleware = (next) => (request) =>
 *   mapReply(request, next(request), (reply) => withHeaders(reply, { "x-served-by": "mill" }));
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(
 *     fetch(`http://127.0.0.1:${listener.port}/`).then(({ headers }) => headers.get("x-served-by")),
 *   );
 *   const { value } = yield* race({
 *     client,
 *     server: serveHttp(
 *       listener,
 *       use([stamp], () => text("flour")),
 *     ),
 *   });
 *   console.log(value); // => "mill"
 * }).promise;
 * ```
 */
export function mapReply(
  request: HttpRequest<object>,
  result: HandlerResult,
  change: (reply: Reply) => Reply,
): HandlerResult {
  return result instanceof Reply ? changed(result, change) : changedLater(request, result, change);
}

function* changedLater(
  request: HttpRequest<object>,
  result: HandlerResult,
  change: (reply: Reply) => Reply,
): Generator<Wait, Reply, unknown> {
  return changed(yield* replyOf(request, result), change);
}

function changed(reply: Reply, change: (reply: Reply) => Reply): Reply {
  try {
    return change(reply);
  } catch (error) {
    abandonReply(reply);
    throw error;
  }
}

/** Waits for the answer of a promise. One that comes too late is let go: a stream in it would never learn that the client is gone. */
function* awaited(promise: PromiseLike<HandlerAnswer>): Generator<Wait, unknown, unknown> {
  try {
    return yield* until(promise);
  } catch (error) {
    if (isCancelled(error) && promise instanceof Promise) promise.then(abandonAnswer, () => {});
    throw error;
  }
}

function abandonAnswer(answer: unknown): void {
  if (answer instanceof Response) abandonResponse(answer);
  else if (answer instanceof Reply) abandonReply(answer);
}

/** A reply that is not sent: its body lets go of what it holds. */
function abandonReply({ body }: Reply): void {
  if (typeof body === "function") body.abandon?.();
}

function isPromise(value: unknown): value is PromiseLike<HandlerAnswer> {
  return typeof (value as PromiseLike<HandlerAnswer> | null | undefined)?.then === "function";
}

function isOperation(value: unknown): value is Operation<HandlerAnswer> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
