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

/**
 * Makes a handler of routes. Where several match a path, the most specific answers, whatever their order: at each segment a literal beats a
 * parameter, and that a wildcard. HEAD goes to GET; other methods of a known path get 405, other paths 404.
 *
 * Paths are matched as sent. Parameters are percent-decoded after that, so one may hold a slash (`%2F`); one that cannot be decoded stays as sent.
 *
 * ```ts
 * const handler = router([
 *   ["GET", "/users/:id", (request) => text(`user ${request.params.id}`)],
 *   ["GET", "/users/me", () => text("you")], // beats :id, though it stands behind it
 * ]);
 * ```
 */
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
    if (found.params !== undefined) (request as { params: object }).params = decoded(found.params);
    if (bodyBytesMax !== undefined) request.limitBody(bodyBytesMax);
    return handler(request);
  };
}

/** Decodes parameters in place: rou3 makes the object anew for each match. */
function decoded(params: Record<string, string>): Record<string, string> {
  for (const name in params) {
    const value = params[name];
    if (value?.includes("%")) params[name] = decodedWhereValid(value);
  }
  return params;
}

function decodedWhereValid(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function noRoute(request: HttpRequest, allowed: string[]): ReturnType<HttpHandler> {
  if (allowed.length === 0) return text("Not Found\n", { status: 404 });
  if (allowed.includes("GET") && !allowed.includes("HEAD")) allowed.push("HEAD");
  const headers = { allow: allowed.join(", ") };
  return request.method === "OPTIONS"
    ? empty(204, { headers })
    : text("Method Not Allowed\n", { status: 405, headers });
}
