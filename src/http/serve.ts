// Serving HTTP: a TCP server whose handler speaks HTTP/1.1.

import {
  BODY_BYTES_MAX,
  BODY_BYTES_PER_SECOND_MIN,
  BODY_STALL_MS,
  CHUNK_EXTENSION_BYTES_MAX,
  DRAIN_BODY_BYTES_MAX,
  FIELDS_MAX,
  HALF_CLOSE_GRACE_MS,
  HEAD_BYTES_MAX,
  HEAD_MS,
  KEEP_ALIVE_MS,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
  WRITE_STALL_MS,
} from "../config.ts";
import { Once } from "../concurrency/delegate.ts";
import { runningTask } from "../concurrency/cancel.ts";
import type { Host } from "../core/host.ts";
import { describeValue, type Operation } from "../core/operation.ts";
import type { Scheduler } from "../core/scheduler.ts";

import type { Conn } from "../net/conn.ts";
import { guarded, stackOf } from "../net/guarded.ts";
import type { Listener, ListenOptions } from "../net/listener.ts";
import { serve } from "../net/serve.ts";
import { HttpConnection } from "./connection.ts";
import type { AnswerRecord } from "./access-log.ts";
import { Admission } from "./admission.ts";
import { compileTrust, type TrustProxy } from "./forwarded.ts";
import type { HttpHandler } from "./handler.ts";
import type { HttpRequest } from "./request.ts";
import { HttpServer, type HttpSettings } from "./server.ts";
import type { HttpLimits } from "./wire/limits.ts";
import type { Rejection } from "./wire/rejection.ts";
import type { Wait } from "../core/task.ts";

/** Options of {@link serveHttp}. Limits that are not given have the defaults of config.ts. What a hook throws is reported, and changes nothing. */
export interface HttpOptions extends Partial<HttpLimits> {
  /** Ms from the first byte of a head to its last; then 408. Also until the first byte on a new connection; then it is closed. Default 30,000. */
  readonly headMs?: number;
  /** Ms that a handler may wait for a body that stands still, or that comes slower than `bodyBytesPerSecondMin`. Default 30,000. Then 408. */
  readonly bodyStallMs?: number;
  /** Bytes a second that a body must come with while a handler waits for it, averaged over `bodyStallMs`; 0 for no minimum. Default 240. */
  readonly bodyBytesPerSecondMin?: number;
  /** Ms that a client may take none of what is waiting for it. Default 30,000. Then the connection is reset. */
  readonly writeStallMs?: number;
  /** Ms that a connection may be idle between requests. Default 75,000. */
  readonly keepAliveMs?: number;
  /** Bytes of an unread body that are read and thrown away to keep the connection; a longer one closes it. Default 256 KiB. */
  readonly drainBodyBytesMax?: number;
  /** Ms that a handler gets after the client's FIN. Default 2,000. */
  readonly halfCloseGraceMs?: number;
  /** Ms that handlers get when the server is cancelled. Default 10,000. */
  readonly graceMs?: number;
  /** Told of each error that a handler threw; the client gets a 500 that says nothing. The request is good until the hook returns. Default: a report. */
  readonly onError?: (error: unknown, request: HttpRequest<object>) => void;
  /**
   * The proxies whose X-Forwarded-For, -Proto and -Host are believed: `true` for any (then nothing else may reach this server), how many there
   * are, or their addresses, such as `["loopback", "10.0.0.0/8"]`. Default: none.
   */
  readonly trustProxy?: TrustProxy;
  /** The hosts that are served, without ports; `*.example.org` for all names below one. Requests for others get 421. Default: any. */
  readonly hosts?: readonly string[];
  /** Told of each bad request: one that broke a rule or a limit, came too slowly (408), or found a route without its method (405). */
  readonly onRejection?: (rejection: Rejection, conn: Conn) => void;
  /** Told of each connection that was too slow with its head or body. */
  readonly onTimeout?: (conn: Conn) => void;
  /** The access log: told of each request that reached the handler, when its answer has ended. Costs nothing when it is absent. */
  readonly onAnswer?: (record: AnswerRecord) => void;
}

/**
 * Serves HTTP/1.1 until it is cancelled: `where` is a listener, or an address to listen at. Parks for the whole time. An error of the handler is
 * answered with 500 and told to `onError`. When the server is cancelled it accepts no more, lets requests that have begun finish for `graceMs`,
 * and then cancels their handlers.
 * @throws ListenError when the address cannot be bound, RangeError and TypeError for options that make no sense.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { serveHttp, text } from "millrace/http";
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const server = serveHttp(listener, (request) => text(`hello ${request.query.get("name")}`), { headMs: 5_000 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/?name=ada`).then((response) => response.text()));
 *   console.log((yield* race({ client, server })).value); // => "hello ada"
 * }).promise;
 * ```
 */
export function serveHttp(
  where: Listener | ListenOptions,
  handler: HttpHandler,
  options: HttpOptions = {},
): Operation<never> {
  return new Once("serveHttp", () => runHttp(where, handler, options));
}

function* runHttp(
  where: Listener | ListenOptions,
  handler: HttpHandler,
  options: HttpOptions,
): Generator<Wait, never, unknown> {
  const { kernel } = runningTask("serve HTTP");
  checkNumbers(options);
  const settings = settingsOf(options, kernel.host);
  const admission = new Admission(options.hosts, settings.trust !== null);
  const server = new HttpServer(kernel as Scheduler, handler, limitsOf(options), settings, admission);
  const grace = options.graceMs === undefined ? {} : { graceMs: options.graceMs };
  return yield* serve(
    where,
    function http(conn) {
      return new HttpConnection(conn, server).run();
    },
    { ...grace, onDrain: () => server.drain() },
  );
}

/** @throws RangeError for a limit or a time that nothing is ever below or above. */
function checkNumbers(options: HttpOptions): void {
  for (const [name, value] of Object.entries(options))
    if (/(?:Ms|Max|Min)$/.test(name) && value !== undefined && !(typeof value === "number" && value >= 0))
      throw new RangeError(`Cannot serve HTTP: ${name} is ${describeValue(value)}, expected a number from 0 on`);
}

function limitsOf(options: HttpOptions): HttpLimits {
  return {
    headBytesMax: options.headBytesMax ?? HEAD_BYTES_MAX,
    fieldsMax: options.fieldsMax ?? FIELDS_MAX,
    targetBytesMax: options.targetBytesMax ?? TARGET_BYTES_MAX,
    trailerBytesMax: options.trailerBytesMax ?? TRAILER_BYTES_MAX,
    chunkExtensionBytesMax: options.chunkExtensionBytesMax ?? CHUNK_EXTENSION_BYTES_MAX,
    bodyBytesMax: Math.min(options.bodyBytesMax ?? BODY_BYTES_MAX, Number.MAX_SAFE_INTEGER),
  };
}

function settingsOf(options: HttpOptions, host: Host): HttpSettings {
  const { onError, onRejection, onTimeout, onAnswer } = options;
  const report = (error: unknown, { method, target }: HttpRequest<object>): void =>
    host.report(`the handler of ${method} ${target} failed: ${stackOf(error)}`);
  return {
    headMs: options.headMs ?? HEAD_MS,
    bodyStallMs: options.bodyStallMs ?? BODY_STALL_MS,
    bodyBytesPerSecondMin: options.bodyBytesPerSecondMin ?? BODY_BYTES_PER_SECOND_MIN,
    writeStallMs: options.writeStallMs ?? WRITE_STALL_MS,
    keepAliveMs: options.keepAliveMs ?? KEEP_ALIVE_MS,
    drainBodyBytesMax: options.drainBodyBytesMax ?? DRAIN_BODY_BYTES_MAX,
    halfCloseGraceMs: options.halfCloseGraceMs ?? HALF_CLOSE_GRACE_MS,
    trust: compileTrust(options.trustProxy),
    onError: onError === undefined ? report : guarded(host, "onError", onError),
    onRejection: onRejection && guarded(host, "onRejection", onRejection),
    onTimeout: onTimeout && guarded(host, "onTimeout", onTimeout),
    onAnswer: onAnswer && guarded(host, "onAnswer", onAnswer),
  };
}
