// Routing by rou3: method and path to a handler. A router is itself a handler, so routers nest and `serveHttp` knows nothing of them.

import { addRoute, createRouter, findRoute } from "rou3";
import type { HttpHandler } from "./handler.ts";
import { empty, text } from "./reply.ts";
import type { HttpRequest } from "./request.ts";

/** Options of one route. */
export interface RouteOptions {
  /** Body limit in bytes of this route, instead of the server's; `Infinity` for none. */
  readonly bodyBytesMax?: number;
}

/** A route: `["GET", "/users/:id", handler]`, with options as a fourth. Patterns are those of rou3. */
export type Route = readonly [method: string, pattern: string, handler: HttpHandler, options?: RouteOptions];

interface Target {
  readonly handler: HttpHandler;
  readonly bodyBytesMax: number | undefined;
}

/** Makes a handler of routes: the first that matches answers. HEAD goes to GET; other methods of a known path get 405, other paths 404. */
export function router(routes: readonly Route[]): HttpHandler {
  const table = createRouter<Target>();
  const methods = new Set<string>();
  for (const [method, pattern, handler, options] of routes) {
    methods.add(method);
    addRoute(table, method, pattern, { handler, bodyBytesMax: options?.bodyBytesMax });
  }
  return (request) => {
    const { method, path } = request;
    const found = findRoute(table, method, path) ?? (method === "HEAD" ? findRoute(table, "GET", path) : undefined);
    if (found === undefined)
      return noRoute(
        request,
        [...methods].filter((known) => findRoute(table, known, path) !== undefined),
      );
    const { handler, bodyBytesMax } = found.data;
    if (found.params !== undefined) request.params = found.params;
    if (bodyBytesMax !== undefined) request.limitBody(bodyBytesMax);
    return handler(request);
  };
}

function noRoute(request: HttpRequest, allowed: string[]): ReturnType<HttpHandler> {
  if (allowed.length === 0) return text("Not Found\n", { status: 404 });
  if (allowed.includes("GET") && !allowed.includes("HEAD")) allowed.push("HEAD");
  const headers = { allow: allowed.join(", ") };
  return request.method === "OPTIONS"
    ? empty(204, { headers })
    : text("Method Not Allowed\n", { status: 405, headers });
}
