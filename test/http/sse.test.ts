// Event streams: what goes over the wire, read back by a parser that was written from the HTML Standard alone, and what happens in silence, with a
// client that is behind, and with one that leaves.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import {
  empty,
  type EventWriter,
  type HttpHandler,
  type ServerEvent,
  sse,
  type SseInit,
} from "../../src/http/index.ts";
import { CALM_NETWORK, type SimPeer } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

/** An event as a browser dispatches it. */
interface Dispatched {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** What a browser makes of a stream: the algorithm of HTML section 9.2.6. */
function dispatched(stream: string): { events: Dispatched[]; retryMs: number | null; comments: string[] } {
  const events: Dispatched[] = [];
  const comments: string[] = [];
  let retryMs: number | null = null;
  let [data, type, lastEventId] = [null as string | null, "", ""];
  const lines = stream.split(/\r\n|\n|\r/);
  lines.pop();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (line === "") {
      if (data !== null) events.push({ type: type || "message", data, lastEventId });
      [data, type] = [null, ""];
    } else if (colon === 0) comments.push(value);
    else if (field === "data") data = data === null ? value : `${data}\n${value}`;
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) lastEventId = value;
    else if (field === "retry" && /^\d+$/.test(value)) retryMs = Number(value);
  }
  return { events, retryMs, comments };
}

/** The content of a chunked response that may still be open. */
function streamed(peer: SimPeer): string {
  const body = peer.text.slice(peer.text.indexOf("\r\n\r\n") + 4);
  let content = "";
  for (let at = 0; ;) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = lineEnd === -1 ? 0 : Number.parseInt(body.slice(at, lineEnd), 16);
    if (size === 0) return Buffer.from(content, "latin1").toString("utf8");
    content += body.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

function serving(body: (events: EventWriter) => Operation<unknown>, init?: SseInit): HttpHandler {
  return () => sse(body, init);
}

/** What is thrown for an event that cannot be sent. */
async function refusal(event: unknown): Promise<unknown> {
  let thrown: unknown;
  await withServer(
    serving(function* (events) {
      try {
        yield* events.send(event as ServerEvent);
      } catch (error) {
        thrown = error;
      }
    }),
    function* (world) {
      const peer = yield* world.ask(request("GET /"));
      expect(bodiesOf(peer)).toEqual([""]);
    },
  );
  return thrown;
}

const SILENT: SseInit = { heartbeatMs: 0 };

describe("sse", () => {
  test("sse sends events that a browser understands, and its end ends the reply", () =>
    withServer(
      serving(function* (events) {
        yield* events.send({ retryMs: 2_000 });
        yield* events.send({ data: "hello" });
        yield* events.send({ data: "a\nb\r\nc\rd\n", event: "lines", id: "7" });
        yield* events.send({ data: "" });
        yield* events.comment("one\ntwo\n");
        yield* events.send({ event: "unseen" });
        yield* events.send({ data: " ü: \u2028" });
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        const { final, rest } = responsesOf(peer);
        expect([final.length, rest]).toEqual([2, ""]);
        expect(final[0]?.headers.get("content-type")).toBe("text/event-stream");
        expect(final[0]?.headers.get("cache-control")).toBe("no-cache");
        expect(final[0]?.body).toStartWith("retry: 2000\n\ndata: hello\n\nevent: lines\nid: 7\ndata: a\ndata: b\n");
        expect(dispatched(Buffer.from(final[0]?.body ?? "", "latin1").toString("utf8"))).toEqual({
          events: [
            { type: "message", data: "hello", lastEventId: "" },
            { type: "lines", data: "a\nb\nc\nd\n", lastEventId: "7" },
            { type: "message", data: "", lastEventId: "7" },
            { type: "message", data: " ü: \u2028", lastEventId: "7" },
          ],
          retryMs: 2_000,
          comments: ["one", "two", ""],
        });
      },
    ));

  test("sse sends any data so that it arrives, its line breaks as LF", async () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", ":", " ", "\n", "\r", "ü", "\0", "data") }));
    await fc.assert(
      fc.asyncProperty(texts, async (list) => {
        await withServer(
          serving(function* (events) {
            for (const data of list) yield* events.send({ data });
          }),
          function* (world) {
            const peer = yield* world.ask(request("GET /"));
            const seen = dispatched(Buffer.from(bodiesOf(peer)[0] ?? "", "latin1").toString("utf8"));
            expect(seen.events.map(({ data }) => data)).toEqual(list.map((text) => text.replace(/\r\n?/g, "\n")));
          },
        );
      }),
      { numRuns: 30 },
    );
  });

  test("sse keeps the status and headers that it is given, Cache-Control too", () =>
    withServer(
      serving(() => sleep(0), { status: 203, headers: { "Cache-Control": "no-store", "x-a": "b" } }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        const [response] = responsesOf(peer).final;
        expect(response?.status).toBe(203);
        expect([response?.headers.get("cache-control"), response?.headers.get("x-a")]).toEqual(["no-store", "b"]);
      },
    ));

  test("sse leaves resuming to the handler, and 204 stops a browser", () =>
    withServer(
      (incoming) => {
        const last = incoming.headers.get("last-event-id");
        if (last === "3") return empty();
        return sse(function* (events) {
          for (let id = Number(last ?? 0) + 1; id <= 3; id++) yield* events.send({ id: String(id), data: "x" });
        });
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /", ["Last-Event-ID: 1"]) + request("GET /", ["Last-Event-ID: 3"]));
        expect(responsesOf(peer).statuses).toEqual([200, 204]);
        expect(dispatched(bodiesOf(peer)[0] ?? "").events.map(({ lastEventId }) => lastEventId)).toEqual(["2", "3"]);
      },
    ));

  test("sse does not run its body for HEAD", () => {
    let runs = 0;
    return withServer(
      serving(function* () {
        runs++;
        yield* sleepForever();
      }),
      function* (world) {
        const peer = yield* world.ask(request("HEAD /"));
        expect([responsesOf(peer, "HEAD").statuses, runs]).toEqual([[200], 0]);
      },
    );
  });

  test.each([
    [{}, "it has neither data, event, id nor retryMs"],
    [{ data: 1 }, "it is no text, but number 1"],
    [{ data: null }, "Cannot send an event: it is no text, but null"],
    [{ data: "x", id: "a\nb" }, "its id holds a line break or NUL"],
    [{ data: "x", id: "a\0b" }, "its id holds a line break or NUL"],
    [{ data: "x", event: "a\rb" }, "its event holds a line break or NUL"],
    [{ data: "x", event: 1 }, "its event is no text, but number 1"],
    [{ data: "x", retryMs: -1 }, "its retryMs is no whole number from 0 on, but -1"],
    [{ data: "x", retryMs: 1.5 }, "but 1.5"],
    [{ data: "x", retryMs: Number.NaN }, "but NaN"],
  ])("sse refuses the event %j, and sends nothing of it", async (event, message) => {
    const thrown = await refusal(event);
    expect(thrown).toBeInstanceOf(TypeError);
    expect(String(thrown)).toContain(message);
  });

  test("sse refuses a heartbeat that is no time", () => {
    expect(() => sse(() => sleep(0), { heartbeatMs: -1 })).toThrow(RangeError);
    expect(() => sse(() => sleep(0), { heartbeatMs: Number.NaN })).toThrow("Cannot send heartbeats");
  });

  test("sse that throws midway cuts the connection, and its error is told", () =>
    withServer(
      serving(function* (events) {
        yield* events.send({ data: "half" });
        throw new Error("secret");
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(peer.text).toEndWith("data: half\n\n\r\n");
        expect([peer.ended, world.errors.map(String)]).toEqual([true, ["Error: secret"]]);
      },
    ));
});

describe("sse and time", () => {
  test("sse sends its head at once, and each event as soon as it is sent", () =>
    withServer(
      serving(function* (events) {
        yield* sleep(1_000);
        yield* events.send({ data: "first" });
        yield* sleep(1_000);
        yield* events.send({ data: "second" });
        yield* sleepForever();
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect(peer.text).toEndWith("\r\n\r\n");
        yield* sleep(1_000);
        expect(streamed(peer)).toBe("data: first\n\n");
        yield* sleep(1_000);
        expect(streamed(peer)).toBe("data: first\n\ndata: second\n\n");
      },
    ));

  test("sse stays open for hours of silence, with a heartbeat every 15 seconds and without any", () =>
    withServer(
      ({ path }) =>
        sse(
          function* (events) {
            yield* sleep(5 * 3_600_000);
            yield* events.send({ data: "at last" });
          },
          path === "/silent" ? SILENT : {},
        ),
      function* (world) {
        const beating = yield* world.ask(request("GET /"));
        const silent = yield* world.ask(request("GET /silent"));
        yield* sleep(5 * 3_600_000 + SOON_MS);
        expect(bodiesOf(silent)).toEqual(["data: at last\n\n"]);
        const [body = ""] = bodiesOf(beating);
        expect(dispatched(body).events).toEqual([{ type: "message", data: "at last", lastEventId: "" }]);
        // Timers may be up to a millisecond late.
        expect(dispatched(body).comments.length).toBeGreaterThanOrEqual(1_198);
        expect(dispatched(body).comments.length).toBeLessThanOrEqual(1_200);
      },
    ));

  test("sse beats in silence only: each event puts the next heartbeat off", () =>
    withServer(
      serving(
        function* (events) {
          for (const ms of [900, 900, 900, 1_500, 900, 5_000]) {
            yield* sleep(ms);
            yield* events.send({ data: String(ms) });
          }
        },
        { heartbeatMs: 1_000 },
      ),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(11_000);
        const beats = bodiesOf(peer)[0]
          ?.replace(/data: (\d+)\n\n/g, "$1 ")
          .replaceAll(":\n\n", "beat ");
        expect(beats).toBe("900 900 900 beat 1500 900 beat beat beat beat 5000 ");
      },
    ));

  test("sse beats for a body that never sends anything, from its begin on", () =>
    withServer(
      serving(() => sleep(3_500), { heartbeatMs: 1_000 }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(990);
        expect(streamed(peer)).toBe(":\n\n");
        yield* sleep(2_600);
        expect(bodiesOf(peer)).toEqual([":\n\n".repeat(3)]);
      },
    ));

  test("sse beats as long after an event as it is told, whenever that event came", () =>
    withServer(
      serving(
        function* (events) {
          yield* sleep(500);
          yield* events.send({ data: "x" });
          yield* sleepForever();
        },
        { heartbeatMs: 1_000 },
      ),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(1_500 - SOON_MS);
        expect(streamed(peer)).toBe("data: x\n\n");
        yield* sleep(SOON_MS);
        expect(streamed(peer)).toBe("data: x\n\n:\n\n");
      },
    ));

  test("sse does not beat with Infinity", () =>
    withServer(
      serving(() => sleep(100_000), { heartbeatMs: Number.POSITIVE_INFINITY }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(100_000);
        expect(bodiesOf(peer)).toEqual([""]);
      },
    ));
});

describe("sse and the client", () => {
  const NARROW = { network: { ...CALM_NETWORK, sendBufferBytes: [1_000, 1_000] as const, receiveBufferBytes: 1_000 } };

  test("sse cancels the body when the client is gone, and its finally runs", () => {
    const log: string[] = [];
    return withServer(
      ({ path }) =>
        sse(
          function* () {
            try {
              yield* sleepForever();
            } finally {
              log.push(path);
            }
          },
          path === "/silent" ? SILENT : {},
        ),
      function* (world) {
        for (const path of ["/beating", "/silent"]) {
          const peer = yield* world.ask(request(`GET ${path}`));
          yield* sleep(40_000);
          expect(log).not.toContain(path);
          peer.reset();
          yield* sleep(SOON_MS);
          expect(log).toContain(path);
        }
        expect(world.errors).toEqual([]);
      },
    );
  });

  test("sse parks a send while the client is behind", () => {
    let sent = 0;
    return withServer(
      serving(function* (events) {
        for (; sent < 1_000; sent++) yield* events.send({ data: "x".repeat(1_000) });
      }),
      function* (world) {
        const peer = world.connect(request("GET /"));
        yield* sleep(1);
        peer.pause();
        yield* sleep(5_000);
        expect(sent).toBeLessThan(100);
        peer.resume();
        yield* sleep(20_000);
        expect(sent).toBe(1_000);
        expect(dispatched(bodiesOf(peer)[0] ?? "").events).toHaveLength(1_000);
      },
      { ...NARROW, writeStallMs: 1e9 },
    );
  });

  test("sse piles up no heartbeats for a client that does not read, and they stand in no event's way", () => {
    const log: string[] = [];
    return withServer(
      serving(
        function* (events) {
          // More than the outbox and the network take: from here on a write has to wait.
          yield* events.send({ data: "x".repeat(100_000) });
          yield* sleep(600_000);
          log.push("sending");
          yield* events.send({ data: "late" });
          log.push("sent");
          yield* sleepForever();
        },
        { heartbeatMs: 100 },
      ),
      function* (world) {
        const peer = world.connect(request("GET /"));
        yield* sleep(1);
        peer.pause();
        yield* sleep(700_000);
        expect(log).toEqual(["sending"]);
        peer.resume();
        yield* sleep(2_000);
        expect(log).toEqual(["sending", "sent"]);
        expect(streamed(peer)).toContain("x\n\ndata: late\n\n");
        const { events, comments } = dispatched(streamed(peer));
        expect(events.map(({ data }) => data.length)).toEqual([100_000, 4]);
        // Those of the two seconds since, and none of the ten minutes before.
        expect(comments.length).toBeLessThanOrEqual(20);
        expect(world.errors).toEqual([]);
      },
      { ...NARROW, writeStallMs: 1e9 },
    );
  });

  // A heartbeat that finds no room waits for up to a millisecond. Around the moment at which it is due, each quarter of one is tried.
  test.each(Array.from({ length: 17 }, (_, index) => index / 4 - 2))(
    "sse lets a send that comes %d ms behind a heartbeat wait for it, if that still waits",
    (offsetMs) =>
      withServer(
        serving(
          function* (events) {
            yield* events.send({ data: "x".repeat(100_000) });
            yield* sleep(10);
            yield* sleep(990 + offsetMs);
            yield* events.send({ data: "late" });
          },
          { heartbeatMs: 1_000 },
        ),
        function* (world) {
          const peer = world.connect(request("GET /"));
          yield* sleep(1);
          peer.pause();
          yield* sleep(2_000);
          peer.resume();
          yield* sleep(2_000);
          expect(world.errors).toEqual([]);
          expect(dispatched(bodiesOf(peer)[0] ?? "").events.map(({ data }) => data.length)).toEqual([100_000, 4]);
        },
        { ...NARROW, writeStallMs: 1e9 },
      ),
  );

  test("sse counts a client that takes nothing as gone when the write clock says so, heartbeats or not", () => {
    const log: string[] = [];
    return withServer(
      serving(
        function* (events) {
          try {
            yield* events.send({ data: "x".repeat(100_000) });
            yield* sleepForever();
          } finally {
            log.push("finally");
          }
        },
        { heartbeatMs: 1_000 },
      ),
      function* (world) {
        const peer = world.connect(request("GET /"));
        yield* sleep(1);
        peer.pause();
        yield* sleep(30_000);
        expect(log).toEqual([]);
        yield* sleep(30_000);
        expect(log).toEqual(["finally"]);
      },
      NARROW,
    );
  });

  test("sse gives BusyError to two tasks of a handler that send at once to a client that is behind", () =>
    withServer(
      serving(
        (events) =>
          scope(function* (tasks) {
            for (let i = 0; i < 3; i++) tasks.spawn(() => events.send({ data: "x".repeat(100_000) }));
          }),
        SILENT,
      ),
      function* (world) {
        const peer = world.connect(request("GET /"));
        yield* sleep(100);
        peer.reset();
        yield* sleep(SOON_MS);
        expect(world.errors).toMatchObject([{ name: "BusyError" }]);
      },
      NARROW,
    ));
});
