// Channels. In RESP2 a client that has subscribed can do little else; in RESP3 messages come beside the answers.

import type { Client } from "../client.ts";
import type { Command } from "../command.ts";

/** Channels that one client may listen to. */
const SUBSCRIPTIONS_MAX = 10_000;

function subscribe(client: Client): void {
  const { reader, writer, subscriptions, keyspace } = client;
  for (let i = 1; i < reader.count; i++) {
    const channel = reader.text(i);
    if (subscriptions.size === SUBSCRIPTIONS_MAX && !subscriptions.has(channel)) {
      writer.error(`ERR a client may listen to ${SUBSCRIPTIONS_MAX} channels at most`);
      return;
    }
    subscriptions.add(channel);
    keyspace.channels.subscribe(channel, client);
    confirm(client, "subscribe", channel);
  }
}

/** From the channels that are named, or from all. */
function unsubscribe(client: Client): void {
  const { reader, subscriptions, keyspace } = client;
  const named = Array.from({ length: reader.count - 1 }, (_, i) => reader.text(i + 1));
  const channels = named.length > 0 ? named : [...subscriptions];
  for (const channel of channels) {
    subscriptions.delete(channel);
    keyspace.channels.unsubscribe(channel, client);
    confirm(client, "unsubscribe", channel);
  }
  if (channels.length === 0) confirm(client, "unsubscribe", null);
}

function confirm({ writer, subscriptions }: Client, what: string, channel: string | null): void {
  writer.push(3);
  writer.bulkText(what);
  if (channel === null) writer.null();
  else writer.bulkText(channel);
  writer.integer(subscriptions.size);
}

export const PUBSUB_COMMANDS: readonly Command[] = [
  {
    name: "subscribe",
    arity: -2,
    flags: ["pubsub"],
    group: "pubsub",
    summary: "Listens to channels",
    whileSubscribed: true,
    run: subscribe,
  },
  {
    name: "unsubscribe",
    arity: -1,
    flags: ["pubsub"],
    group: "pubsub",
    summary: "Listens to channels no more",
    whileSubscribed: true,
    run: unsubscribe,
  },
  {
    name: "publish",
    arity: 3,
    flags: ["pubsub", "fast"],
    group: "pubsub",
    summary: "Sends a message to all who listen to a channel",
    run: ({ reader, writer, keyspace }) => writer.integer(keyspace.channels.publish(reader.text(1), reader.copy(2))),
  },
];
