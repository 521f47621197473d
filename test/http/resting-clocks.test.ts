// The clocks of connections at rest: rest begins when it can, ends a connection when its time is over and not before or after, and gives
// a client that wakes one no more time than any other has.

import { describe, expect, test } from "bun:test";
import { HEAD_MS, KEEP_ALIVE_MS, REST_AFTER_MS } from "../../src/config.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { sleep } from "../../src/core/sleep.ts";
import { bytes, serveHttp, text } from "../../src/http/index.ts";
import { CALM_NETWORK, SimPeer, Simulation } from "../../src/sim/index.ts";
import { type HttpWorld, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const hello = (): ReturnType<typeof text> => text("hello");
const resting = ({ listener }: HttpWorld): number => listener.statistics().resting;

/** A client whose connection has answered one request and is at rest. */
function* atRest(world: HttpWorld): Steps<SimPeer> {
  const peer = yield* world.ask(request("GET /"));
  yield* sleep(REST_AFTER_MS + SOON_MS);
  expect(resting(world)).toBe(1);
  return peer;
}

describe("serveHttp's clocks of connections at rest", () => {
  test("serveHttp gives a connection that an empty line has woken the time it had, to the end and no longer", () =>
    withServer(hello, function* (world) {
      const peer = yield* atRest(world);
      peer.send("\r\n");
      // Woken after two seconds, it is not closed like a new one that says nothing for 30.
      yield* sleep(KEEP_ALIVE_MS - REST_AFTER_MS - 4 * SOON_MS);
      expect([resting(world), peer.ended]).toEqual([0, false]);
      yield* sleep(4 * SOON_MS);
      expect([peer.ended, peer.wasReset]).toEqual([true, false]);
      peer.end();
    }));

  test("serveHttp closes a connection in time that an empty line has woken shortly before", () =>
    withServer(hello, function* (world) {
      const peer = yield* atRest(world);
      yield* sleep(KEEP_ALIVE_MS - 2 * REST_AFTER_MS);
      peer.send("\r\n");
      yield* sleep(REST_AFTER_MS);
      expect(peer.ended).toBe(true);
      peer.end();
    }));

  test("serveHttp gives a head that wakes a connection the time of any head, then answers 408", () =>
    withServer(hello, function* (world) {
      const peer = yield* atRest(world);
      peer.send("G");
      for (let i = 0; i < HEAD_MS / 1_000 - 1; i++) {
        yield* sleep(1_000);
        peer.send("E");
      }
      expect(responsesOf(peer).statuses).toEqual([200]);
      yield* sleep(1_000 + SOON_MS);
      expect([responsesOf(peer).statuses, peer.ended, world.timeouts]).toEqual([[200, 408], true, 1]);
      peer.end();
    }));

  test("serveHttp looks again, every two seconds, whether a client that reads slowly has got all, and then rests", () =>
    withServer(
      () => bytes(new Uint8Array(60_000)),
      function* (world) {
        const slow = world.connect(request("GET /"));
        slow.pause();
        yield* sleep(REST_AFTER_MS / 2);
        // Comes later and rests earlier; each is closed in its own time all the same.
        const other = world.connect(request("GET /"));
        yield* sleep(REST_AFTER_MS);
        expect([resting(world), slow.received.length]).toEqual([0, 0]);
        yield* sleep(REST_AFTER_MS / 4);
        expect(resting(world)).toBe(1);
        slow.resume();
        yield* sleep(REST_AFTER_MS);
        expect([resting(world), responsesOf(slow).rest]).toEqual([2, ""]);
        yield* sleep(KEEP_ALIVE_MS - world.now() + 4 * SOON_MS);
        expect([slow.ended, other.ended]).toEqual([true, false]);
        yield* sleep(REST_AFTER_MS / 2);
        expect(other.ended).toBe(true);
        for (const peer of [slow, other]) peer.end();
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [16_384, 16_384], receiveBufferBytes: 16_384 } },
    ));

  test("serveHttp without an end of keep-alive lets connections rest without a timer", () => {
    const simulation = new Simulation({ network: CALM_NETWORK });
    const { host, scheduler } = simulation;
    let peer: SimPeer | null = null;
    const root = simulation.start(function* (): Steps<void> {
      yield* scope(function* (tasks): Steps<void> {
        const serving: Operation<never> = serveHttp({ port: 8_080 }, hello, { keepAliveMs: Number.POSITIVE_INFINITY });
        tasks.spawn(() => serving);
        yield* sleep(1);
        peer = SimPeer.connect(host, { port: 8_080 });
        peer.send(request("GET /"));
      });
    });
    for (let moves = 0; moves < 1_000 && host.advance(); moves++);
    // Nothing can happen any more, which the world must be able to find out.
    expect([host.advance(), scheduler.timers.armed, host.now() < 10_000]).toEqual([false, 0, true]);
    const { closed, received } = peer as unknown as SimPeer;
    expect([closed, received.length > 0]).toEqual([false, true]);
    root.promise.catch(() => {});
    root.cancel();
    (peer as unknown as SimPeer).end();
    return simulation.settle();
  });
});
