// Errors of channels and broadcasts. The end of a stream is none of them: a receiver gets `null`.

import { MillraceError, ProtocolError } from "../core/errors.ts";

/**
 * The operation came too late: this handle was closed, or all those at the other end were. An item that was to be sent was not.
 *
 * @example
 * ```ts
 * import { channel, ChannelClosedError, run } from "millrace";
 *
 * const [sender, receiver] = channel<string>(1);
 * receiver.close();
 * const late = run(() => sender.send("rye"));
 * await late.promise.catch((error: unknown) => console.log(error instanceof ChannelClosedError)); // => true
 * ```
 */
export class ChannelClosedError extends MillraceError {
  override name = "ChannelClosedError";
  constructor(message: string) {
    super("ERR_CHANNEL_CLOSED", message);
  }
}

/**
 * A subscriber of a broadcast fell behind and lost its oldest items. Thrown once for each gap; the next receive goes on behind it.
 *
 * @example
 * ```ts
 * import { broadcast, LaggedError } from "millrace";
 *
 * const news = broadcast<string>({ capacity: 1, slow: "lag" });
 * using reader = news.subscribe();
 * for (const item of ["one", "two", "three"]) news.publish(item);
 * try {
 *   reader.tryReceive();
 * } catch (error) {
 *   if (!(error instanceof LaggedError)) throw error;
 *   console.log(error.lost, reader.tryReceive()); // => 2, "three"
 * }
 * ```
 */
export class LaggedError extends MillraceError {
  override name = "LaggedError";
  /** Items lost since the last receive. */
  readonly lost: number;
  constructor(message: string, lost: number) {
    super("ERR_LAGGED", message);
    this.lost = lost;
  }
}

/**
 * A subscriber of a broadcast fell behind and was dropped for it; nothing more comes to it.
 *
 * @example
 * ```ts
 * import { broadcast, SlowReceiverError } from "millrace";
 *
 * const news = broadcast<string>({ capacity: 1, slow: "drop" });
 * using reader = news.subscribe();
 * console.log(news.publish("one"), news.publish("two")); // => 1, 0
 * try {
 *   reader.tryReceive();
 * } catch (error) {
 *   console.log(error instanceof SlowReceiverError); // => true
 * }
 * ```
 */
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
