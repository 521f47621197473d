// Server-sent events: a reply that stays open and sends an event now and then (HTML Standard, section 9.2).
//
// Each event leaves at the end of the pass in which it was sent, and sending parks only while the client is behind. In silence a comment is sent
// every `heartbeatMs`, so that proxies keep the connection and a client that vanished without a word is noticed. A heartbeat is no
// event: one that would have to wait for the client is not sent at all, so they never pile up, and never stand in an event's way.
//
// Resuming is the handler's: a browser that comes again says in `request.headers.get("last-event-id")` which event it saw last.

import { HEARTBEAT_MS } from "../config.ts";
import { runningTask } from "../concurrency/cancel.ts";
import { Once } from "../concurrency/delegate.ts";
import { Latch } from "../concurrency/latch.ts";
import { scope } from "../concurrency/scope.ts";
import { moveOnAfter } from "../concurrency/timeout.ts";
import { describeValue, type Operation } from "../core/operation.ts";
import { assertMs, sleep } from "../core/sleep.ts";
import type { Wait } from "../core/task.ts";
import type { BodyWriter } from "./body-writer.ts";
import { fieldsOf, Reply, type ReplyInit, type StreamBody } from "./reply.ts";

/** One event. At least one of its fields. */
export interface ServerEvent {
  /** What it says; lines may end in LF, CR or CRLF, and arrive with LF. An event without it is not seen by the page. */
  readonly data?: string;
  /** What kind of event it is; `message` without. One line. */
  readonly event?: string;
  /** What the browser says when it comes again, to resume. One line, without NUL. */
  readonly id?: string;
  /** Ms that the browser waits before it comes again. A whole number. */
  readonly retryMs?: number;
}

/** Options of {@link sse}. */
export interface SseInit extends ReplyInit {
  /** Ms of silence after which a comment is sent; 0 or Infinity for none. Default 15,000. */
  readonly heartbeatMs?: number;
}

/** What an event stream is sent with. One task at a time may send. */
export interface EventWriter {
  /**
   * Sends `event`. Parks while the client is behind, not until it has come through.
   * @throws TypeError for fields that cannot be sent; otherwise as {@link BodyWriter.write}.
   */
  send(event: ServerEvent): Operation<void>;
  /** Sends `text` as a comment, which browsers pass over. @throws as {@link send} */
  comment(text: string): Operation<void>;
}

/**
 * An event stream: `body` runs until it returns, which ends the stream, or until the client is gone, which cancels it. Browsers come again after
 * either; a reply of status 204 stops them.
 *
 * Never cached, unless `init` has a Cache-Control of its own. @throws ProtocolError, RangeError for a heartbeat that is no time.
 *
 * @example
 * ```ts
 * import { channel, listen, race, run, until } from "millrace";
 * import { serveHttp, sse } from "millrace/http";
 *
 * const [sender, news] = channel<string>(10);
 * const feed = () =>
 *   sse(function* (events) {
 *     for (let item: string | null; (item = yield* news.receive()) !== null;) yield* events.send({ data: item });
 *   });
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text()));
 *   sender.trySend("bread is ready");
 *   sender.close(); // browsers would come again now
 *   console.log((yield* race({ client, server: serveHttp(listener, feed) })).value); // => "data: bread is ready\n\n"
 * }).promise;
 * ```
 */
export function sse(body: (events: EventWriter) => Operation<unknown>, init: SseInit = {}): Reply {
  const { heartbeatMs = HEARTBEAT_MS } = init;
  assertMs(heartbeatMs, "Cannot send heartbeats");
  if (heartbeatMs < 0) throw new RangeError(`Cannot send heartbeats every ${heartbeatMs} ms: it must not be negative`);
  const own = fieldsOf(init.headers);
  const isCached = own.some(([name]) => name.toLowerCase() === "cache-control");
  const headers = isCached ? own : [["cache-control", "no-cache"] as const, ...own];
  const stream: StreamBody = (writer) => run(body, new EventStream(writer), heartbeatMs);
  return new Reply("text/event-stream", stream, { ...init, headers });
}

function run(
  body: (events: EventWriter) => Operation<unknown>,
  events: EventStream,
  heartbeatMs: number,
): Operation<unknown> {
  if (heartbeatMs === 0 || heartbeatMs === Number.POSITIVE_INFINITY) return body(events);
  return scope(function* (tasks) {
    const heart = tasks.spawn(() => events.beat(heartbeatMs), "heartbeat");
    try {
      yield* body(events);
    } finally {
      heart.cancel();
    }
  });
}

class EventStream implements EventWriter {
  readonly #writer: BodyWriter;
  /** When the last bytes were sent, in host ms. */
  #sentAt = 0;
  /** Sends that are not done. */
  #sending = 0;
  /** While a heartbeat waits for room; opens when it has given up. */
  #heartbeat: Latch | null = null;

  constructor(writer: BodyWriter) {
    this.#writer = writer;
  }

  send(event: ServerEvent): Operation<void> {
    const text = encodeEvent(event);
    return new Once("events.send", () => this.#write(text));
  }

  comment(text: string): Operation<void> {
    const lines = linesOf("Cannot send a comment", text).map((line) => (line === "" ? ":\n" : `: ${line}\n`));
    return new Once("events.comment", () => this.#write(`${lines.join("")}\n`));
  }

  *#write(text: string): Generator<Wait, void, unknown> {
    this.#sending++;
    try {
      while (this.#heartbeat !== null) yield* this.#heartbeat.wait();
      yield* this.#writer.write(text);
      this.#sentAt = now();
    } finally {
      this.#sending--;
    }
  }

  /** Sends a comment whenever nothing was sent for `heartbeatMs`. A send only notes the time: the timer looks at it when it fires. */
  *beat(heartbeatMs: number): Generator<Wait, never, unknown> {
    this.#sentAt = now();
    for (;;) {
      const silentMs = now() - this.#sentAt;
      yield* sleep(silentMs < heartbeatMs ? heartbeatMs - silentMs : heartbeatMs);
      // A send that waits tells the client enough once it is through.
      if (this.#sending === 0 && now() - this.#sentAt >= heartbeatMs) yield* this.#beatOnce();
    }
  }

  *#beatOnce(): Generator<Wait, void, unknown> {
    const latch = new Latch();
    this.#heartbeat = latch;
    try {
      yield* moveOnAfter(0, this.#writer.write(":\n\n"));
      this.#sentAt = now();
    } finally {
      this.#heartbeat = null;
      latch.open();
    }
  }
}

function now(): number {
  return runningTask("send events").kernel.host.now();
}

function encodeEvent({ data, event, id, retryMs }: ServerEvent): string {
  let text = "";
  if (event !== undefined) text += `event: ${oneLine("event", event)}\n`;
  if (id !== undefined) text += `id: ${oneLine("id", id)}\n`;
  if (retryMs !== undefined) {
    if (!Number.isSafeInteger(retryMs) || retryMs < 0)
      throw new TypeError(`Cannot send an event: its retryMs is no whole number from 0 on, but ${String(retryMs)}`);
    text += `retry: ${retryMs}\n`;
  }
  if (data !== undefined) for (const line of linesOf("Cannot send an event", data)) text += `data: ${line}\n`;
  if (text === "") throw new TypeError("Cannot send an event: it has neither data, event, id nor retryMs");
  return `${text}\n`;
}

function oneLine(field: "event" | "id", value: string): string {
  if (typeof value !== "string")
    throw new TypeError(`Cannot send an event: its ${field} is no text, but ${describeValue(value)}`);
  if (/[\r\n\0]/.test(value)) throw new TypeError(`Cannot send an event: its ${field} holds a line break or NUL`);
  return value;
}

function linesOf(attempt: string, text: string): string[] {
  if (typeof text !== "string") throw new TypeError(`${attempt}: it is no text, but ${describeValue(text)}`);
  return text.split(/\r\n|\r|\n/);
}
