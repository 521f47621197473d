// Routing by rou3: method and path to a handler. A router is itself a handler, so routers nest and `serveHttp` knows nothing of them.

import type { HttpHandler, RouteParams } from "./handler.ts";
import { percentDecoded } from "./percent.ts";
import { empty, type Reply, text } from "./reply.ts";
import { type HttpRequest, NO_PARAMS } from "./request.ts";
import type { Route } from "./route.ts";
import { RouteTable, type Target } from "./route-table.ts";
import { Rejection } from "./wire/rejection.ts";

/** Options of a {@link router}. */
export interface RouterOptions {
  /** Answers what no route has a path for. Default: a 404 in plain text. */
  readonly notFound?: HttpHandler;
}

/**
 * Makes a handler of routes. Where several match a path, the most specific answers, whatever their order: at each segment a literal beats a
 * parameter, and that a wildcard; of two with the same pattern the one with the method beats the one for `"*"`.
 *
 * HEAD goes to GET unless it has a route that is as specific. OPTIONS is answered with Allow unless it has a route, and so is a method that a
 * path does not have, with 405. What has no path gets 404.
 *
 * Patterns are those of rou3 and begin with a slash; {@link PathParams} tells what `request.params` then has. Paths are matched as they were
 * sent: with their case, without decoding, `.` and `..` and empty segments left in; one slash at the end makes no difference. Parameters are
 * percent-decoded after that, once, so one may hold a slash (`%2F`); one that cannot be decoded stays as sent.
 * @throws TypeError for a method or pattern that is none, and for two routes that match the same paths; RangeError for a limit that is none.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { json, router, serveHttp, text } from "millrace/http";
 *
 * const handler = router([
 *   ["GET", "/users/:id", (request) => text(`user ${request.params.id}`)],
 *   ["GET", "/users/me", () => text("you")], // beats :id, though it stands behind it
 *   [
 *     ["PUT", "PATCH"],
 *     "/users/:id",
 *     function* (request) {
 *       return json(yield* request.json());
 *     },
 *     { bodyBytesMax: 64 * 1024 },
 *   ],
 * ]);
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const get = (path: string) =>
 *     fetch(`http://127.0.0.1:${listener.port}${path}`).then((response) => response.text());
 *   const client = until(Promise.all(["/users/7", "/users/me", "/nobody"].map(get)));
 *   const { value } = yield* race({ client, server: serveHttp(listener, handler) });
 *   console.log(value); // => ["user 7", "you", "Not Found\n"]
 * }).promise;
 * ```
 */
export function router<const Patterns extends readonly string[]>(
  routes: { readonly [Index in keyof Patterns]: Route<Patterns[Index]> },
  options: RouterOptions = {},
): HttpHandler {
  const table = new RouteTable(routes as readonly unknown[] as readonly Route[]);
  const { notFound = answerNotFound } = options;
  return (request) => {
    const path = request.localPath;
    // One look here saves rou3's walk.
    const exact = table.exact[request.methodCode]?.get(path);
    if (exact !== undefined) return exact(request);
    if (path === "*") return empty(204, allowing(table.methods));
    const found = table.find(request.method, path);
    if (found === undefined) return unrouted(request, table.allowed(path), notFound);
    const { data, params } = found;
    if (params !== undefined) hand(request, path, data, params);
    return data.handler(request);
  };
}

/** Gives `request` what the match means for it. rou3 makes `params` anew for each match. */
function hand(request: HttpRequest, path: string, target: Target, params: Record<string, string>): void {
  const { mountedSegments } = target;
  if (mountedSegments !== -1) {
    request.enterMount(pathBelow(path, mountedSegments));
    // The path says it better than the wildcard.
    delete params["0"];
    delete params["_"];
  }
  for (const name in params) {
    const value = params[name];
    if (value !== undefined) params[name] = percentDecoded(value) ?? value;
  }
  // Those of the router around.
  if (request.params !== NO_PARAMS) for (const name in request.params) params[name] ??= request.params[name] as string;
  (request as { params: RouteParams }).params = params;
}

/** What is behind the first segments of `path`; a slash when nothing is. */
function pathBelow(path: string, segments: number): string {
  let at = 0;
  for (let left = segments; left > 0 && at !== -1; left--) at = path.indexOf("/", at + 1);
  return at === -1 ? "/" : path.slice(at);
}

function unrouted(request: HttpRequest, allowed: readonly string[], notFound: HttpHandler): ReturnType<HttpHandler> {
  if (allowed.length === 0) return notFound(request);
  return request.method === "OPTIONS" ? empty(204, allowing(allowed)) : methodNotAllowed(request, allowed);
}

/** The path is known, and not for this method. Counts as bad input for the server's hooks. */
function methodNotAllowed(request: HttpRequest, allowed: readonly string[]): Reply {
  request.rejected(new Rejection(405, "ERR_HTTP_METHOD_NOT_ALLOWED", "its path has no route for its method"));
  return text("Method Not Allowed\n", { status: 405, ...allowing(allowed) });
}

function answerNotFound(): Reply {
  return text("Not Found\n", { status: 404 });
}

function allowing(methods: readonly string[]): { headers: { allow: string } } {
  return { headers: { allow: methods.join(", ") } };
}
