// Errors of HTTP exchanges. What a peer sent wrong is a `Rejection` (wire/rejection.ts), what we may not send an `UnsendableError`.

import { MillraceError } from "../core/errors.ts";

/**
 * The client is gone: its request's handler is cancelled with this as the reason.
 *
 * @example
 * ```ts
 * import { listen, scope, sleep, sleepForever } from "millrace";
 * import { ClientGoneError, type HttpHandler, serveHttp } from "millrace/http";
 * import { SimPeer, Simulation } from "millrace/sim";
 *
 * const handler: HttpHandler = function* ({ signal }) {
 *   try {
 *     return yield* sleepForever();
 *   } finally {
 *     console.log(signal.reason instanceof ClientGoneError); // => true
 *   }
 * };
 *
 * const world = new Simulation();
 * await world.run(() =>
 *   scope(function* (tasks) {
 *     const listener = yield* listen({ port: 80 });
 *     tasks.spawn(() => serveHttp(listener, handler));
 *     const peer = SimPeer.connect(world.host, { port: 80 });
 *     peer.send("GET / HTTP/1.1\r\nHost: mill\r\n\r\n");
 *     yield* sleep(100);
 *     peer.reset();
 *     yield* sleep(100);
 *     tasks.cancel();
 *   }),
 * );
 * ```
 */
export class ClientGoneError extends MillraceError {
  override name = "ClientGoneError";
  constructor(message: string) {
    super("ERR_HTTP_CLIENT_GONE", message);
  }
}

/**
 * A request or its body was used after the request had been answered, or a body was read twice.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { type HttpHandler, type HttpRequest, RequestOverError, serveHttp, text } from "millrace/http";
 *
 * const kept: HttpRequest[] = [];
 * const handler: HttpHandler = (request) => {
 *   kept.push(request); // what is needed later must be read now
 *   return text("flour");
 * };
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text()));
 *   yield* race({ client, server: serveHttp(listener, handler) });
 * }).promise;
 * try {
 *   kept[0]?.headers.get("host");
 * } catch (error) {
 *   console.log(error instanceof RequestOverError); // => true
 * }
 * ```
 */
export class RequestOverError extends MillraceError {
  override name = "RequestOverError";
  constructor(message: string) {
    super("ERR_HTTP_REQUEST_OVER", message);
  }
}

/** @internal The error for what was asked of a request that is over. */
export function requestOver(what: string): RequestOverError {
  return new RequestOverError(`Cannot read ${what} of the request: it has been answered`);
}

/**
 * A streamed reply wrote more or fewer bytes than it had announced.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { BodyLengthError, serveHttp, stream } from "millrace/http";
 *
 * const handler = () => stream((writer) => writer.write("flour"), { length: 7 }); // five bytes, and seven announced
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const onError = (error: unknown) => {
 *     console.log(error instanceof BodyLengthError); // => true
 *   };
 *   const asked = fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text());
 *   const client = until(asked.catch(() => "cut off"));
 *   console.log((yield* race({ client, server: serveHttp(listener, handler, { onError }) })).value); // => "cut off"
 * }).promise;
 * ```
 */
export class BodyLengthError extends MillraceError {
  override name = "BodyLengthError";
  constructor(message: string) {
    super("ERR_HTTP_BODY_LENGTH", message);
  }
}
