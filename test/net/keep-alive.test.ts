// TCP keep-alive of listeners and of connect: that it reaches the sockets, in whole seconds.

import { describe, expect, test } from "bun:test";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { thrownBy } from "../contract/conn-world.ts";
import { ADDRESS, Mill, socketOf } from "./kit.ts";

describe("keepAlive", () => {
  for (const [name, tls] of [
    ["plain", {}],
    ["TLS", { tls: { key: "key", cert: "certificate" } }],
  ] as const) {
    test(`keepAlive is set on both ends when both ask for it, rounded up to a second, and on none by itself: ${name}`, async () => {
      const mill = new Mill();
      await mill.run(function* () {
        for (const [options, expected] of [
          [{ keepAlive: { delayMs: 30_500 } }, 31_000],
          [{}, null],
        ] as const) {
          using listener = yield* listen({ ...ADDRESS, ...tls, ...options });
          const client = yield* connect({
            ...ADDRESS,
            ...options,
            ...("tls" in tls ? { tls: { verify: false } } : {}),
          });
          const server = yield* listener.accept();
          if (server === null) throw new Error("the listener was closed");
          expect([socketOf(client).keepAliveMs, socketOf(server).keepAliveMs]).toEqual([expected, expected]);
          client.terminate();
          server.terminate();
        }
      });
      await mill.finish();
    });
  }

  test("keepAlive over a unix path is no error", async () => {
    const mill = new Mill();
    await mill.run(function* () {
      using listener = yield* listen({ unix: "/run/app.sock", keepAlive: { delayMs: 1_000 } });
      const client = yield* connect({ unix: "/run/app.sock", keepAlive: { delayMs: 1_000 } });
      (yield* listener.accept())?.terminate();
      client.terminate();
    });
    await mill.finish();
  });

  test("connect throws for numbers that are none, before anything is done", async () => {
    const mill = new Mill();
    await mill.run(function* () {
      expect(() => connect({ ...ADDRESS, keepAlive: { delayMs: 0 } })).toThrow(RangeError);
      expect(() => connect({ ...ADDRESS, timeoutMs: Number.NaN })).toThrow("expected a number of milliseconds");
      for (const port of [65_536, -1, 1.5]) {
        const error = yield* thrownBy(() => connect({ port }));
        expect(error).toMatchObject({
          reason: "ERR_OUT_OF_RANGE",
          message: expect.stringContaining("no number from 0"),
        });
      }
    });
    await mill.finish();
  });
});
