// Our own side's fault, as the wire sees it: a handler asked for a response head that must not be sent. It is thrown into the handler
// before a byte of that head counts, so nothing leaks and nothing can be injected. The peer's faults are in rejection.ts.

import { MillraceError } from "../../core/errors.ts";

/** The stable codes of an {@link UnsendableError}. */
export type UnsendableCode =
  "ERR_HTTP_HEADER_NAME" | "ERR_HTTP_HEADER_VALUE" | "ERR_HTTP_HEADER_RESERVED" | "ERR_HTTP_STATUS";

/** Thrown by the encoder when a status, a header name or a header value may not go on the wire. */
export class UnsendableError extends MillraceError {
  override name = "UnsendableError";
  declare readonly code: UnsendableCode;
}
