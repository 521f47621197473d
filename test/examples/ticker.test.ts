// The ticker: as a program with real clients, and its handler in a simulated world, where a slow subscriber can be as slow as one likes.

import { describe, expect, test } from "bun:test";
import { sleep } from "millrace";
import { Feed, tick, ticker } from "../../examples/ticker.ts";
import { CALM_NETWORK, type SimPeer } from "../../src/sim/index.ts";
import { request, SOON_MS, withServer } from "../http/support.ts";
import { RawClient, within } from "../subprocess.ts";
import { Example } from "./support.ts";

interface Event {
  readonly id: number;
  readonly subscribers: number;
}

/** The whole events in a stream, however its chunks were cut. */
function eventsIn(text: string): Event[] {
  return [...text.matchAll(/id: (\d+)\r?\ndata: (\{.*\})\r?\n/g)].map(([, id, data = ""]) => ({
    id: Number(id),
    subscribers: (JSON.parse(data) as Event).subscribers,
  }));
}

/** A subscriber with real sockets. */
class Subscriber implements AsyncDisposable {
  readonly response: Response;
  readonly #leaving: AbortController;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #text = "";

  private constructor(response: Response, leaving: AbortController) {
    this.response = response;
    this.#leaving = leaving;
    this.#chunks = (response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
  }

  static async come(example: Example, lastId?: number): Promise<Subscriber> {
    const leaving = new AbortController();
    const headers = lastId === undefined ? {} : { "last-event-id": String(lastId) };
    return new Subscriber(await example.fetch("/events", { headers, signal: leaving.signal }), leaving);
  }

  /** All events so far, once one of them is `wanted`; `null` when the stream ends before. */
  async until(wanted: (event: Event) => boolean): Promise<Event[] | null> {
    for (;;) {
      const events = eventsIn(this.#text);
      if (events.some(wanted)) return events;
      const next = await within(this.#chunks.next(), "an event");
      if (next.done === true) return null;
      this.#text += Buffer.from(next.value).toString();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await this.#chunks.return?.().catch(() => {});
  }
}

const FAST = ["--every-ms", "10"];

describe("examples/ticker.ts", () => {
  test("/ is a page that listens to /events", async () => {
    await using example = await Example.start("ticker");
    const page = await example.fetch("/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain('new EventSource("/events")');
    expect((await example.fetch("/missing")).status).toBe(404);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("/events sends numbered events to all subscribers, the same to each", async () => {
    await using example = await Example.start("ticker", ...FAST);
    await using one = await Subscriber.come(example);
    await using two = await Subscriber.come(example);
    expect(one.response.headers.get("content-type")).toBe("text/event-stream");
    const [first] = (await two.until(() => true)) ?? [];
    const last = (first as Event).id + 5;
    const seenByOne = (await one.until(({ id }) => id === last)) ?? [];
    const seenByTwo = (await two.until(({ id }) => id === last)) ?? [];
    const begin = (seenByOne[0] as Event).id;
    expect(seenByOne.map(({ id }) => id)).toEqual(seenByOne.map((_, index) => begin + index));
    expect(seenByTwo.map(({ id }) => id)).toEqual(seenByTwo.map((_, index) => (first as Event).id + index));
    const shared = (events: readonly Event[]): Event[] => events.filter(({ id }) => id >= last - 5 && id <= last);
    expect(shared(seenByOne)).toEqual(shared(seenByTwo));
  });

  test("a browser that comes again gets what it missed, and a number that was never given means nothing", async () => {
    await using example = await Example.start("ticker", ...FAST);
    await using steady = await Subscriber.come(example);
    const seen = (await steady.until(({ id }) => id >= 5)) ?? [];
    await using again = await Subscriber.come(example, 2);
    const [next] = (await again.until(() => true)) ?? [];
    expect(next?.id).toBe(3);
    await using strange = await Subscriber.come(example, 1_000_000);
    const [newest] = (await strange.until(() => true)) ?? [];
    expect(newest?.id).toBeGreaterThanOrEqual(seen.at(-1)?.id ?? 0);
  });

  test("a subscriber that leaves is no longer counted", async () => {
    await using example = await Example.start("ticker", ...FAST);
    await using watching = await Subscriber.come(example);
    await using leaving = await RawClient.connect(example.port);
    leaving.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n");
    const both = (await watching.until(({ subscribers }) => subscribers === 2)) ?? [];
    await leaving[Symbol.asyncDispose]();
    const since = both.at(-1)?.id ?? 0;
    expect(await watching.until(({ id, subscribers }) => id > since && subscribers === 1)).not.toBeNull();
  });

  test("SIGTERM ends every stream in order, and with them the program", async () => {
    await using example = await Example.start("ticker", ...FAST);
    await using client = await RawClient.connect(example.port);
    client.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n");
    await using other = await Subscriber.come(example);
    await other.until(({ subscribers }) => subscribers === 2);
    expect(await example.end()).toBe(0);
    // The last chunk: the stream has an end, it was not cut.
    expect(await client.received("\r\n0\r\n\r\n")).toContain("text/event-stream");
    expect(await other.until(() => false)).toBeNull();
    expect(await example.program.errors()).toBe("");
  });
});

describe("the ticker's feed, simulated", () => {
  const SMALL = { ...CALM_NETWORK, sendBufferBytes: [2_000, 2_000] as const, receiveBufferBytes: 2_000 };
  const subscribe = request("GET /events", ["accept: text/event-stream"]);
  const idsOf = (peer: SimPeer): number[] => eventsIn(peer.text).map(({ id }) => id);

  test("a subscriber that falls behind what is kept gets no more, and the others miss nothing", () => {
    const feed = new Feed();
    return withServer(
      ticker(feed),
      function* (world) {
        const steady = world.connect(subscribe);
        const slow = world.connect(subscribe);
        yield* sleep(SOON_MS);
        slow.pause();
        for (let count = 1; count <= 5_000; count++) {
          feed.publish(JSON.stringify({ subscribers: feed.subscribers, filling: "x".repeat(100) }));
          yield* sleep(1);
        }
        yield* sleep(SOON_MS);
        expect([feed.subscribers, slow.ended]).toEqual([2, false]);
        slow.resume();
        yield* sleep(1_000);
        expect(feed.subscribers).toBe(1);
        expect(idsOf(steady)).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
        const got = idsOf(slow);
        expect(got).toEqual(got.map((_, index) => index + 1));
        expect(got.length).toBeGreaterThan(100);
        expect(got.length).toBeLessThan(1_000);
        // Its browser comes again, and goes on with the oldest that is kept.
        const again = world.connect(request("GET /events", [`last-event-id: ${got.length}`]));
        yield* sleep(SOON_MS);
        expect(idsOf(again)).toEqual(Array.from({ length: 100 }, (_, index) => index + 4_901));
        feed.close();
        yield* sleep(SOON_MS);
        expect([feed.subscribers, world.errors]).toEqual([0, []]);
      },
      { network: SMALL },
    );
  });

  test("a subscriber that takes nothing at all is cut off by the server's clock", () => {
    const feed = new Feed();
    return withServer(
      ticker(feed),
      function* (world) {
        const slow = world.connect(subscribe);
        slow.pause();
        yield* sleep(SOON_MS);
        for (let count = 1; count <= 5_000; count++) feed.publish("x".repeat(1_000));
        expect(feed.subscribers).toBe(1);
        yield* sleep(20_000);
        expect(feed.subscribers).toBe(0);
      },
      { network: SMALL, writeStallMs: 10_000 },
    );
  });

  test("the source says something once in its interval, and closes the feed when it is cancelled", () => {
    const feed = new Feed();
    return withServer(
      ticker(feed),
      function* (world) {
        const source = world.simulation.start(() => tick(feed, 1_000), "the source");
        source.promise.catch(() => {});
        const peer = world.connect(subscribe);
        yield* sleep(9_500);
        expect(idsOf(peer)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        source.cancel();
        yield* sleep(SOON_MS);
        expect(feed.subscribers).toBe(0);
        expect(peer.text).toEndWith("\r\n0\r\n\r\n");
      },
      { network: CALM_NETWORK },
    );
  });
});
