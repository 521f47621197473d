// Exact counts: what one request may cost in kernel writes, steps and timer operations. They hold whatever the machine.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { stream, text } from "../../src/http/index.ts";
import { bodiesOf, type HttpWorld, request, responsesOf, serverSocket, SOON_MS, withServer } from "./support.ts";

const GET = request("GET /");

/** Steps that tasks called `http`, the connections, make from now on. */
function countSteps(world: HttpWorld): { steps: number } {
  const count = { steps: 0 };
  world.simulation.scheduler.instrument = {
    beforeStep: (task) => {
      if (task.name === "http") count.steps++;
    },
  };
  return count;
}

describe("serveHttp's costs", () => {
  test("serveHttp answers 16 pipelined requests with one kernel write and one step", () =>
    withServer(
      () => text("Hello, World!"),
      function* (world) {
        const peer = yield* world.ask(GET);
        const before = serverSocket(peer).writes;
        const count = countSteps(world);
        peer.send(GET.repeat(16));
        yield* sleep(SOON_MS);
        expect(responsesOf(peer).statuses).toEqual(new Array(17).fill(200));
        expect(serverSocket(peer).writes - before).toBe(1);
        expect(count.steps).toBe(1);
      },
    ));

  test("serveHttp resumes its task once a request and touches no timer for it on a busy connection", () =>
    withServer(
      () => text("Hello, World!"),
      function* (world) {
        const { host, scheduler } = world.simulation;
        const peer = yield* world.ask(GET);
        const count = countSteps(world);
        for (let i = 1; i <= 1_000; i++) host.schedule(i, () => peer.send(GET));
        const { arms, cancels } = scheduler.timers;
        const writes = serverSocket(peer).writes;
        yield* sleep(2_000);
        expect(responsesOf(peer).final).toHaveLength(1_001);
        expect(count.steps).toBe(1_000);
        expect(serverSocket(peer).writes - writes).toBe(1_000);
        // One is the sleep of this test.
        expect(scheduler.timers.arms + scheduler.timers.cancels - arms - cancels).toBeLessThanOrEqual(4);
      },
    ));

  test("serveHttp touches no timer for a request with a body and a generator handler either", () =>
    withServer(
      function* (incoming) {
        return text(yield* incoming.text());
      },
      function* (world) {
        const { host, scheduler } = world.simulation;
        const peer = yield* world.ask();
        const { arms, cancels } = scheduler.timers;
        for (let i = 1; i <= 1_000; i++) {
          host.schedule(i, () => peer.send(request("POST /", ["Content-Length: 4"], "bo")));
          host.schedule(i + 0.5, () => peer.send("dy"));
        }
        yield* sleep(2_000);
        expect(bodiesOf(peer)).toEqual(new Array(1_000).fill("body"));
        expect(scheduler.timers.arms + scheduler.timers.cancels - arms - cancels).toBeLessThanOrEqual(6);
      },
    ));

  test.each([1, 16])(
    "serveHttp answers %i pipelined POSTs with one kernel write, one step and no timer operation",
    (posts) =>
      withServer(
        function* (incoming) {
          return text(yield* incoming.text());
        },
        function* (world) {
          const { timers } = world.simulation.scheduler;
          const body = "x".repeat(512);
          const post = request("POST /", ["Content-Length: 512"], body);
          const peer = yield* world.ask(post);
          const { writes } = serverSocket(peer);
          const { arms, cancels } = timers;
          const count = countSteps(world);
          peer.send(post.repeat(posts));
          yield* sleep(SOON_MS);
          expect(bodiesOf(peer)).toEqual(new Array(1 + posts).fill(body));
          expect([count.steps, serverSocket(peer).writes - writes]).toEqual([1, 1]);
          // One is the sleep of this test.
          expect(timers.arms + timers.cancels - arms - cancels).toBe(1);
        },
      ),
  );

  test("serveHttp sends two streamed parts of 16 KiB with their framing in one kernel write", () =>
    withServer(
      () =>
        stream(function* (writer) {
          for (let part = 0; part < 3; part++) yield* writer.write(new Uint8Array(16 * 1024).fill(0x78));
        }),
      function* (world) {
        const peer = yield* world.ask(GET);
        const { writes } = serverSocket(peer);
        peer.send(GET);
        yield* sleep(SOON_MS);
        expect(responsesOf(peer).final.map(({ body }) => body.length)).toEqual([49_152, 49_152]);
        // The head goes with the first two, the end of the body with the third.
        expect(serverSocket(peer).writes - writes).toBe(2);
      },
    ));

  test("serveHttp sends a stream of small parts with one kernel write for 32 KiB", () =>
    withServer(
      () =>
        stream(function* (writer) {
          for (let part = 0; part < 60; part++) yield* writer.write("x".repeat(1_000));
        }),
      function* (world) {
        const peer = yield* world.ask(GET);
        const { writes } = serverSocket(peer);
        const count = countSteps(world);
        peer.send(GET);
        yield* sleep(SOON_MS);
        expect(responsesOf(peer).final.map(({ body }) => body.length)).toEqual([60_000, 60_000]);
        expect([count.steps, serverSocket(peer).writes - writes]).toEqual([1, 2]);
      },
    ));

  test("serveHttp makes a step more only where a handler really waits", () =>
    withServer(
      function* (incoming) {
        if (incoming.target === "/slow") yield* sleep(5);
        return text(incoming.target);
      },
      function* (world) {
        const peer = yield* world.ask();
        const count = countSteps(world);
        peer.send(request("GET /a") + request("GET /slow") + request("GET /b"));
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["/a", "/slow", "/b"]);
        expect(count.steps).toBe(2);
      },
    ));

  test("serveHttp gives other connections a turn while one sends requests without end", () =>
    withServer(
      () => text("x".repeat(50)),
      function* (world) {
        const greedy = world.connect(GET.repeat(1_000));
        const count = countSteps(world);
        yield* sleep(SOON_MS);
        expect(responsesOf(greedy).final).toHaveLength(1_000);
        expect(count.steps).toBeGreaterThan(1_000 / 128);
      },
    ));
});
