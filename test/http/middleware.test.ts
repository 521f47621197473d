// Middleware around all kinds of handlers.

import { describe, expect, test } from "bun:test";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import {
  empty,
  file,
  type HttpHandler,
  type HttpRequest,
  json,
  mapReply,
  type Middleware,
  Reply,
  replyOf,
  router,
  stream,
  text,
  use,
  withHeaders,
} from "../../src/http/index.ts";
import { isCancelled, now } from "../../src/index.ts";
import { THEN, withFiles } from "./files/support.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const stamp =
  (value: string): Middleware =>
  (next) =>
  (incoming) =>
    mapReply(incoming, next(incoming), (reply) => withHeaders(reply, { "x-stamp": value }));

const guard: Middleware = (next) => (incoming) => (incoming.headers.has("authorization") ? next(incoming) : empty(401));

/** Middleware that notes when it begins and ends. */
const noting =
  (log: string[], name: string): Middleware =>
  (next) =>
    function* (incoming) {
      log.push(`> ${name}`);
      try {
        return yield* replyOf(incoming, next(incoming));
      } finally {
        log.push(`< ${name}`);
      }
    };

/** One handler of each kind, all with the same answer. */
const KINDS: Record<string, HttpHandler> = {
  reply: () => text("answer"),
  response: () => new Response("answer"),
  "promise of a reply": async () => text("answer"),
  "promise of a response": async () => new Response("answer"),
  generator: function* () {
    yield* sleep(5);
    return text("answer");
  },
  "generator of a response": function* () {
    yield* sleep(5);
    return new Response("answer");
  },
  stream: () => stream((writer) => writer.write("answer")),
};

describe("use", () => {
  test("use puts the first middleware outermost, around every kind of handler", async () => {
    for (const [kind, handler] of Object.entries(KINDS)) {
      const log: string[] = [];
      const chain = use([noting(log, "a"), stamp("1"), noting(log, "b"), stamp("2")], handler);
      await withServer(chain, function* (world) {
        const peer = yield* world.ask(request("GET /") + request("GET /"));
        const { final } = responsesOf(peer);
        expect([kind, final.map(({ body, headers }) => [body, headers.get("x-stamp")])]).toEqual([
          kind,
          [
            ["answer", "2, 1"],
            ["answer", "2, 1"],
          ],
        ]);
        expect(log).toEqual(["> a", "> b", "< b", "< a", "> a", "> b", "< b", "< a"]);
        expect(world.errors).toEqual([]);
      });
    }
  });

  test("use makes no generator of a chain of plain functions", () => {
    const chain = use([stamp("1"), guard, stamp("2")], () => text("answer"));
    const incoming = { headers: new Headers({ authorization: "x" }) } as unknown as HttpRequest;
    const reply = chain(incoming);
    expect(reply).toBeInstanceOf(Reply);
    expect((reply as Reply).headers.map(([, value]) => value)).toEqual(["2", "1"]);
    expect(use([], chain)).toBe(chain);
  });

  test("use lets a middleware send another reply, and let go of the one that it drops", () => {
    const hiding: Middleware = (next) => (incoming) =>
      mapReply(incoming, next(incoming), (reply) => {
        if (typeof reply.body === "function") reply.body.abandon?.();
        return empty(204);
      });
    return withFiles(
      use([hiding], (incoming) => file(incoming, "/srv/film")),
      function* ({ ask, files }) {
        files.put("/srv/film", new Uint8Array(1_000_000), THEN);
        expect((yield* ask("GET /")).status).toBe(204);
        expect(files.statistics).toMatchObject({ opened: 1, open: 0 });
      },
    );
  });

  test("mapReply lets go of a reply whose change fails", () => {
    const failing: Middleware = (next) => (incoming) =>
      mapReply(incoming, next(incoming), () => {
        throw new Error("a fault of the middleware");
      });
    return withFiles(
      use([failing], (incoming) => file(incoming, "/srv/film")),
      function* ({ ask, files, world }) {
        files.put("/srv/film", new Uint8Array(1_000_000), THEN);
        expect((yield* ask("GET /")).status).toBe(500);
        expect(files.statistics).toMatchObject({ opened: 1, open: 0 });
        expect(world.errors).toHaveLength(1);
      },
    );
  });

  test("use builds the chain once, not for each request", async () => {
    let built = 0;
    const counting: Middleware = (next) => {
      built++;
      return next;
    };
    await withServer(use([counting, counting], KINDS["reply"] as HttpHandler), function* (world) {
      yield* world.ask(request("GET /") + request("GET /"));
    });
    expect(built).toBe(2);
  });

  test("use lets a middleware answer early: nothing behind it runs, what is before it does", () => {
    const log: string[] = [];
    const routed = router([
      ["GET", "/open", () => text("open")],
      ["GET", "/closed/:id", use([guard, noting(log, "closed")], ({ params }) => text(params.id))],
    ]);
    return withServer(use([stamp("all")], routed), function* (world) {
      const allowed = request("GET /closed/7", ["Authorization: x"]);
      const peer = yield* world.ask(request("GET /open") + request("GET /closed/7") + allowed + request("GET /none"));
      expect(
        responsesOf(peer).final.map(({ status, body, headers }) => [status, body, headers.get("x-stamp")]),
      ).toEqual([
        [200, "open", "all"],
        [401, "", "all"],
        [200, "7", "all"],
        [404, "Not Found\n", "all"],
      ]);
      expect(log).toEqual(["> closed", "< closed"]);
    });
  });

  test("use shows a handler's error to each finally and catch, whether it is thrown at once or later", async () => {
    const caught: Middleware = (next) =>
      function* (incoming) {
        try {
          return yield* replyOf(incoming, next(incoming));
        } catch (error) {
          if (isCancelled(error)) throw error;
          return json({ caught: String(error) }, { status: 503 });
        }
      };
    const handlers: HttpHandler[] = [
      () => {
        throw new Error("at once");
      },
      async () => {
        throw new Error("in a promise");
      },
      function* () {
        yield* sleep(1);
        throw new Error("later");
      },
    ];
    const found: unknown[] = [];
    for (const handler of handlers) {
      const log: string[] = [];
      await withServer(use([caught, noting(log, "a"), stamp("never")], handler), function* (world) {
        const peer = yield* world.ask(request("GET /"));
        found.push(...bodiesOf(peer));
        expect([log, world.errors]).toEqual([["> a", "< a"], []]);
      });
      await withServer(use([noting(log, "b"), stamp("never")], handler), function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect([responsesOf(peer).statuses, world.errors.length]).toEqual([[500], 1]);
      });
      expect(log.slice(2)).toEqual(["> b", "< b"]);
    }
    expect(found).toEqual([
      '{"caught":"Error: at once"}',
      '{"caught":"Error: in a promise"}',
      '{"caught":"Error: later"}',
    ]);
  });

  test("use runs each finally when the client leaves, and a catch sees the cancel", () => {
    const log: string[] = [];
    const catching: Middleware = (next) =>
      function* (incoming) {
        try {
          return yield* replyOf(incoming, next(incoming));
        } catch (error) {
          log.push(isCancelled(error) ? "cancelled" : "failed");
          throw error;
        }
      };
    const timed: Middleware = (next) =>
      function* (incoming) {
        const since = now();
        try {
          return yield* replyOf(incoming, next(incoming));
        } finally {
          log.push(`${Math.round(now() - since)} ms`);
        }
      };
    const waits = function* () {
      yield* sleepForever();
      return text("never");
    };
    return withServer(use([timed, stamp("never"), catching, noting(log, "a")], waits), function* (world) {
      const peer = yield* world.ask(request("GET /"));
      expect(log).toEqual(["> a"]);
      yield* sleep(1_000);
      peer.reset();
      yield* sleep(SOON_MS);
      expect(log.slice(0, 3)).toEqual(["> a", "< a", "cancelled"]);
      expect(Number.parseInt(log[3] as string)).toBeGreaterThanOrEqual(1_000);
      expect(world.errors).toEqual([]);
    });
  });
});
