// Our own side's fault, as the wire sees it: a handler asked for a response head that must not be sent. It is thrown into the handler
// before a byte of that head counts, so nothing leaks and nothing can be injected. The peer's faults are in rejection.ts.

import { MillraceError } from "../../core/errors.ts";

/** The stable codes of an {@link UnsendableError}. */
export type UnsendableCode =
  "ERR_HTTP_HEADER_NAME" | "ERR_HTTP_HEADER_VALUE" | "ERR_HTTP_HEADER_RESERVED" | "ERR_HTTP_STATUS";

/**
 * Thrown by the encoder when a status, a header name or a header value may not go on the wire.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { serveHttp, text, UnsendableError } from "millrace/http";
 *
 * const handler = () => text("hello", { headers: { "x-name": "ada\r\nset-cookie: stolen=1" } });
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const onError = (error: unknown) => {
 *     console.log(error instanceof UnsendableError && error.code); // => "ERR_HTTP_HEADER_VALUE"
 *   };
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`));
 *   const { value } = yield* race({ client, server: serveHttp(listener, handler, { onError }) });
 *   console.log(value.status); // => 500
 * }).promise;
 * ```
 */
export class UnsendableError extends MillraceError {
  override name = "UnsendableError";
  declare readonly code: UnsendableCode;
}
