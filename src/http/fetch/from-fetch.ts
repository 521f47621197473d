// Mounting Fetch handlers: a function from Request to Response, such as the `fetch` of an application written with a web framework. The
// request that it gets is made lazily (request.ts), what it gives is sent as a reply (response.ts).

import type { HttpHandler } from "../handler.ts";
import { FetchRequest } from "./request.ts";

/** The address of a client, as Bun.serve tells it. */
export interface ClientAddress {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

/** The second argument of a Fetch handler: as much of Bun's server as applications ask of it. */
export interface FetchServer {
  /** The client of `request`; `null` for a request that is not the one that the handler was given. */
  requestIP(request: Request): ClientAddress | null;
  /** There are no WebSockets here: always false. */
  upgrade(request: Request): false;
  /** Has no effect: no clock runs against a handler. */
  timeout(request: Request, seconds: number): void;
}

/** A handler in the manner of Fetch. */
export type FetchHandler = (request: Request, server: FetchServer) => Response | PromiseLike<Response>;

/**
 * Makes a handler of a Fetch handler, which runs unchanged. When the client leaves, `request.signal` aborts, and a stream that the handler has
 * answered with is cancelled; code of the handler that awaits something else runs on, as promises do.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { fromFetch, serveHttp } from "millrace/http";
 *
 * // The `fetch` of an application of Hono or itty-router, say.
 * const app = { fetch: async (request: Request) => new Response(new URL(request.url).pathname) };
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/loaves`).then((response) => response.text()));
 *   const { value } = yield* race({ client, server: serveHttp(listener, fromFetch(app.fetch)) });
 *   console.log(value); // => "/loaves"
 * }).promise;
 * ```
 */
export function fromFetch(handler: FetchHandler): HttpHandler<object> {
  return (request) => handler(new FetchRequest(request) as unknown as Request, server);
}

const server: FetchServer = {
  requestIP(request) {
    const incoming = FetchRequest.requestOf(request);
    if (incoming === null) return null;
    const { remoteAddress: address, remotePort: port } = incoming;
    // A unix socket has no addresses, and one that is gone has none any more.
    if (address === "") return null;
    return { address, family: address.includes(":") ? "IPv6" : "IPv4", port };
  },
  upgrade: () => false,
  timeout() {},
};
