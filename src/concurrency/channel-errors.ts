// Errors of channels and broadcasts. The end of a stream is none of them: a receiver gets `null`.

import { MillraceError, ProtocolError } from "../core/errors.ts";

/** The operation came too late: this handle was closed, or all those at the other end were. An item that was to be sent was not. */
export class ChannelClosedError extends MillraceError {
  override name = "ChannelClosedError";
  constructor(message: string) {
    super("ERR_CHANNEL_CLOSED", message);
  }
}

/** A subscriber of a broadcast fell behind and lost its oldest items. Thrown once for each gap; the next receive goes on behind it. */
export class LaggedError extends MillraceError {
  override name = "LaggedError";
  /** Items lost since the last receive. */
  readonly lost: number;
  constructor(message: string, lost: number) {
    super("ERR_LAGGED", message);
    this.lost = lost;
  }
}

/** A subscriber of a broadcast fell behind and was dropped for it; nothing more comes to it. */
export class SlowReceiverError extends MillraceError {
  override name = "SlowReceiverError";
  constructor(message: string) {
    super("ERR_SLOW_RECEIVER", message);
  }
}

/** @throws ProtocolError when `item` is `null` or `undefined`. */
export function assertItem(item: unknown, attempt: string): void {
  if (item === null || item === undefined)
    throw new ProtocolError(
      `${attempt}: expected an item and found ${String(item)}, which says to a receiver that there is none`,
    );
}
