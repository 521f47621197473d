// A ticker by server-sent events: `/` is a page that listens, `/events` the stream, with one event every `--every-ms`. All subscribers share one
// source: what it said last is kept once, and a subscriber is no more than a place in that. So a browser that comes again gets what it missed,
// and a slow subscriber costs nobody anything: it parks in `send`, and is dropped when what it has not had is kept no longer; one that
// takes nothing at all is cut off after ten seconds. Control-C cancels the source, whose `finally` ends the streams.
//
//   bun run examples/ticker.ts --port 8080 [--every-ms 1000]

import { parseArgs } from "node:util";
import { Latch, listen, main, now, scope, sleep, type Steps } from "millrace";
import { html, type HttpHandler, type HttpRequest, type Reply, router, serveHttp, sse } from "millrace/http";

/** What a subscriber may be behind, and a browser may have missed. */
const EVENTS_KEPT_MAX = 100;

/** The last events of one source, numbered from 1 on. */
export class Feed {
  subscribers = 0;
  readonly #kept: string[] = [];
  #newest = 0;
  #isOpen = true;
  #changed = new Latch();

  publish(data: string): void {
    this.#newest++;
    this.#kept.push(data);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    this.#wakeAll();
  }

  close(): void {
    this.#isOpen = false;
    this.#wakeAll();
  }

  /** The event `id`. Parks until it is there; `null` when it will not come any more, or is kept no longer. */
  *get(id: number): Steps<string | null> {
    while (id > this.#newest && this.#isOpen) yield* this.#changed.wait();
    return this.#kept[id - this.#oldest] ?? null;
  }

  /** Where a subscriber begins that saw the event `lastId` last: behind that, or with the newest. */
  placeAfter(lastId: string | null): number {
    if (lastId === null || !/^\d{1,15}$/.test(lastId) || Number(lastId) > this.#newest)
      return Math.max(1, this.#newest);
    return Math.max(this.#oldest, Number(lastId) + 1);
  }

  get #oldest(): number {
    return this.#newest - this.#kept.length + 1;
  }

  #wakeAll(): void {
    const waiting = this.#changed;
    this.#changed = new Latch(); // a latch opens once
    waiting.open();
  }
}

/** The source: says what time it is, and to how many. */
export function* tick(feed: Feed, everyMs: number): Steps<void> {
  try {
    for (let due = now(); ; due += everyMs) {
      yield* sleep(Math.max(0, due - now()));
      feed.publish(JSON.stringify({ time: new Date().toISOString(), subscribers: feed.subscribers }));
    }
  } finally {
    feed.close();
  }
}

function subscribe(feed: Feed, request: HttpRequest): Reply {
  let id = feed.placeAfter(request.headers.get("last-event-id"));
  return sse(function* (events) {
    feed.subscribers++;
    try {
      yield* events.send({ retryMs: 1_000 });
      for (let data: string | null; (data = yield* feed.get(id)) !== null; id++)
        yield* events.send({ id: String(id), data });
    } finally {
      feed.subscribers--; // the client has left, was too slow, or the feed has ended
    }
  });
}

const PAGE = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>Ticker</title>
  <output>waiting</output>
  <script>
    const output = document.querySelector("output");
    const events = new EventSource("/events");
    events.onmessage = ({ data, lastEventId }) => (output.textContent = \`\${lastEventId}: \${data}\`);
    events.onerror = () => (output.textContent = "coming again");
  </script>
</html>
`;

export function ticker(feed: Feed): HttpHandler {
  return router([
    ["GET", "/", () => html(PAGE)],
    ["GET", "/events", (request) => subscribe(feed, request)],
  ]);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, "every-ms": { type: "string", default: "1000" } },
  });

  main(function* () {
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    const feed = new Feed();
    yield* scope(function* (tasks) {
      tasks.spawn(() => tick(feed, Number(values["every-ms"])), "the source");
      yield* serveHttp(listener, ticker(feed), { writeStallMs: 10_000 });
    });
  });
}
