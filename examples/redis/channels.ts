// Publishing and subscribing. A message is encoded once for each protocol that a subscriber speaks, whatever their number, and given to all of them
// at once: nobody waits for a subscriber that reads slowly. What happens to that one is its own affair: see `Client.deliver`.

import { encoded } from "./resp-writer.ts";

/** Somebody who can subscribe. */
export interface Subscriber {
  readonly protocol: 2 | 3;
  /** Takes a message that is encoded already. Does not wait. */
  deliver(message: Uint8Array): void;
}

/** Who listens to what. */
export class Channels {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  /** Channels with a subscriber. */
  get size(): number {
    return this.#subscribers.size;
  }

  subscribe(channel: string, subscriber: Subscriber): void {
    const known = this.#subscribers.get(channel);
    if (known === undefined) this.#subscribers.set(channel, new Set([subscriber]));
    else known.add(subscriber);
  }

  unsubscribe(channel: string, subscriber: Subscriber): void {
    const known = this.#subscribers.get(channel);
    if (known === undefined) return;
    known.delete(subscriber);
    if (known.size === 0) this.#subscribers.delete(channel);
  }

  /** Gives the message to all who listen, and tells how many that were. */
  publish(channel: string, message: Uint8Array): number {
    const known = this.#subscribers.get(channel);
    if (known === undefined) return 0;
    const forms: { 2?: Uint8Array; 3?: Uint8Array } = {};
    // One that is dropped leaves the set meanwhile.
    const all = [...known];
    for (const subscriber of all) {
      const { protocol } = subscriber;
      forms[protocol] ??= encoded(protocol, (writer) => {
        writer.push(3);
        writer.bulkText("message");
        writer.bulkText(channel);
        writer.bulk(message);
      });
      subscriber.deliver(forms[protocol]);
    }
    return all.length;
  }
}
