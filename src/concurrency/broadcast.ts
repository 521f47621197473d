// A broadcast: each item goes to every subscriber, and the publisher never waits. So each subscriber has a bounded view of its own, and what
// happens to one that falls behind is chosen when the broadcast is made. It lags: it loses its oldest items, its next receive says how
// many by LaggedError, and the one after that goes on with the oldest that was kept (as in tokio's broadcast). Or it is dropped: what waits for it
// is thrown away at once, its receive throws SlowReceiverError, and it costs nothing any more. Both are counted.
//
// Items are shared, not copied: who changes one changes it for all. A subscriber sees what is published after it has subscribed.

import { CHANNEL_ITEMS_MAX } from "../config.ts";
import { ProtocolError } from "../core/errors.ts";
import { describeValue } from "../core/operation.ts";
import { assertItem, ChannelClosedError } from "./channel-errors.ts";
import { type Subscription, View } from "./subscription.ts";

/** Options of {@link broadcast}. */
export interface BroadcastOptions {
  /** Items that may wait for one subscriber. */
  capacity: number;
  /** What happens to a subscriber for which one more is published: it loses its oldest item, or is dropped. */
  slow: "lag" | "drop";
  /** Name for task lists and messages. */
  name?: string;
}

/** What a broadcast looks like at this moment. */
export interface BroadcastStatistics {
  /** Items that may wait for one subscriber. */
  readonly capacity: number;
  readonly subscribers: number;
  /** Subscribers with a task parked in `receive`. */
  readonly waiting: number;
  /** Items published so far. */
  readonly published: number;
  /** Items that lagging subscribers have lost so far, all together. */
  readonly lost: number;
  /** Subscribers that were dropped as too slow so far. */
  readonly dropped: number;
}

/**
 * Publishes to all who have subscribed.
 *
 * @example
 * ```ts
 * import { broadcast } from "millrace";
 *
 * const news = broadcast<string>({ capacity: 1, slow: "lag" });
 * console.log(news.publish("nobody hears it")); // => 0
 * using subscription = news.subscribe();
 * console.log(news.publish("one"), news.publish("two")); // => 1, 1
 * console.log(news.statistics().lost, subscription.statistics().buffered); // => 1, 1
 * ```
 */
export interface Broadcast<T> extends Disposable {
  /**
   * Gives `item` to every subscriber and tells how many got it. Never parks; may be called from anywhere, not only from a task.
   * @throws ChannelClosedError when the broadcast is closed.
   * @throws ProtocolError for `null` and `undefined`, which stand for the end of the stream and for "nothing in time".
   */
  publish(item: T): number;
  /** A view of all that is published from now on; close it when it is no longer read. One of a closed broadcast gives `null` at once. */
  subscribe(): Subscription<T>;
  /** Ends the stream: subscribers get what waits for them and then `null`. No effect twice. */
  close(): void;
  /** It was closed: nothing more is published. */
  readonly closed: boolean;
  /** The broadcast's state and counts. */
  statistics(): BroadcastStatistics;
}

/**
 * Makes a broadcast without subscribers. Does not park.
 * @throws ProtocolError unless `capacity` is a whole number from 1 to CHANNEL_ITEMS_MAX (2^24), and `slow` one of its two words.
 *
 * @example
 * ```ts
 * import { broadcast, run, scope } from "millrace";
 *
 * const news = broadcast<string>({ capacity: 100, slow: "drop" });
 * await run(() =>
 *   scope(function* (tasks) {
 *     const subscription = news.subscribe();
 *     tasks.spawn(function* () {
 *       using own = subscription;
 *       for (let line: string | null; (line = yield* own.receive()) !== null;) {
 *         console.log(line); // => "bread is ready"
 *       }
 *     });
 *     news.publish("bread is ready");
 *     news.close();
 *   }),
 * ).promise;
 * ```
 */
export function broadcast<T extends NonNullable<unknown>>(options: BroadcastOptions): Broadcast<T> {
  const { capacity, slow } = options;
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > CHANNEL_ITEMS_MAX) {
    const range = `expected a capacity of 1 to ${CHANNEL_ITEMS_MAX} whole items`;
    throw new ProtocolError(`Cannot make a broadcast: ${range} and found ${describeValue(capacity)}`);
  }
  if (slow !== "lag" && slow !== "drop")
    throw new ProtocolError(
      `Cannot make a broadcast: expected slow to be "lag" or "drop" and found ${describeValue(slow)}`,
    );
  return new Publisher<T>(options);
}

class Publisher<T> implements Broadcast<T> {
  closed = false;
  readonly #options: BroadcastOptions;
  readonly #views = new Set<View<T>>();
  #published = 0;
  #lost = 0;
  #dropped = 0;

  constructor(options: BroadcastOptions) {
    this.#options = options;
  }

  publish(item: T): number {
    assertItem(item, `Cannot publish to ${this.describe()}`);
    if (this.closed) throw new ChannelClosedError(`Cannot publish to ${this.describe()}: it was closed`);
    this.#published++;
    for (const view of this.#views) if (!view.offer(item)) this.#tooSlow(view, item);
    return this.#views.size;
  }

  subscribe(): Subscription<T> {
    const view = new View<T>(this, this.#options.capacity);
    if (this.closed) view.end();
    else this.#views.add(view);
    return view;
  }

  close(): void {
    this.closed = true;
    for (const view of this.#views) view.end();
    this.#views.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): BroadcastStatistics {
    return {
      capacity: this.#options.capacity,
      subscribers: this.#views.size,
      waiting: [...this.#views].filter((view) => view.statistics().waiting > 0).length,
      published: this.#published,
      lost: this.#lost,
      dropped: this.#dropped,
    };
  }

  /** How messages name it. */
  describe(): string {
    return this.#options.name === undefined ? "a broadcast" : `broadcast ${JSON.stringify(this.#options.name)}`;
  }

  /** Nothing goes to `view` any more. */
  forget(view: View<T>): void {
    this.#views.delete(view);
  }

  #tooSlow(view: View<T>, item: T): void {
    if (this.#options.slow === "lag") {
      view.lag(item);
      this.#lost++;
      return;
    }
    this.#dropped++;
    this.#views.delete(view);
    view.drop();
  }
}
