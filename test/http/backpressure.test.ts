// Clients that read slowly or not at all: what is held for them is bounded, and the write stall clock tells the one kind from the other.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { type Reply, stream, text } from "../../src/http/index.ts";
import { CALM_NETWORK } from "../../src/sim/index.ts";
import { bodiesOf, request, SOON_MS, withServer } from "./support.ts";

describe("stream's backpressure", () => {
  const endless = (written: { bytes: number; ended: boolean }): Reply =>
    stream(function* (writer) {
      const block = new Uint8Array(16_384);
      try {
        for (;;) {
          yield* writer.write(block);
          written.bytes += block.length;
        }
      } finally {
        written.ended = true;
      }
    });

  test("stream holds little for a client that never reads, and the write stall clock cuts it off", () => {
    const written = { bytes: 0, ended: false };
    return withServer(
      () => endless(written),
      function* (world) {
        const peer = world.connect(request("GET /"));
        peer.pause();
        yield* sleep(1_000);
        const held = written.bytes;
        // Both kernels' buffers, the outbox up to its mark and a block more.
        expect(held).toBeLessThan(4_000 + 4_000 + 64 * 1024 + 2 * 16_384);
        yield* sleep(26_000);
        expect([written.bytes, written.ended]).toEqual([held, false]);
        yield* sleep(15_000);
        expect([written.bytes, written.ended]).toEqual([held, true]);
        peer.resume();
        yield* sleep(SOON_MS);
        expect(peer.wasReset).toBe(true);
        expect(world.errors).toEqual([]);
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [4_000, 4_000], receiveBufferBytes: 4_000 } },
    );
  });

  test("stream goes on for as long as a client reads, however slowly", () => {
    const written = { bytes: 0, ended: false };
    return withServer(
      () => endless(written),
      function* (world) {
        const peer = world.connect(request("GET /"));
        for (let i = 0; i < 20; i++) {
          peer.pause();
          yield* sleep(20_000);
          peer.resume();
          yield* sleep(1);
        }
        expect([written.ended, peer.closed]).toEqual([false, false]);
        peer.reset();
        yield* sleep(SOON_MS);
        expect(written.ended).toBe(true);
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [4_000, 4_000], receiveBufferBytes: 4_000 } },
    );
  });

  test("serveHttp cuts off a client that pipelines and reads nothing, though no handler waits", () =>
    withServer(
      () => text("x".repeat(5_000)),
      function* (world) {
        const peer = world.connect(request("GET /").repeat(500));
        peer.pause();
        yield* sleep(45_000);
        peer.resume();
        yield* sleep(SOON_MS);
        expect(peer.wasReset).toBe(true);
      },
      {
        network: { ...CALM_NETWORK, sendBufferBytes: [4_000, 4_000], receiveBufferBytes: 4_000 },
        writeStallMs: 30_000,
      },
    ));

  test("BodyWriter.flush parks until the kernel has taken what was written", () => {
    const moments: number[] = [];
    return withServer(
      () =>
        stream(function* (writer) {
          yield* writer.write("x".repeat(60_000));
          yield* writer.flush();
          moments.push(1);
        }),
      function* (world) {
        const peer = world.connect(request("GET /"));
        peer.pause();
        yield* sleep(5_000);
        expect(moments).toEqual([]);
        peer.resume();
        yield* sleep(1_000);
        expect(moments).toEqual([1]);
        expect(bodiesOf(peer)[0]).toHaveLength(60_000);
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [4_000, 4_000], receiveBufferBytes: 4_000 } },
    );
  });
});
