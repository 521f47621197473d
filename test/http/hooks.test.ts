// The hooks of a server are the user's code: one that throws is reported, and the client sees what it would have seen.

import { describe, expect, test } from "bun:test";
import { until } from "../../src/concurrency/until.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpOptions, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

function fails(): never {
  throw new Error("from the hook");
}

const reportOf = (hook: string): unknown => expect.stringContaining(`${hook} of a server threw: Error: from the hook`);

describe("serveHttp with hooks that throw", () => {
  const hooks: HttpOptions = { onError: fails, onRejection: fails, onTimeout: fails };

  test("serveHttp answers 500 and goes on when onError throws", () =>
    withServer(
      ({ target }) => (target === "/fails" ? fails() : text("fine")),
      function* (world) {
        const peer = yield* world.ask(request("GET /fails") + request("GET /"));
        expect(responsesOf(peer).statuses).toEqual([500, 200]);
        expect(bodiesOf(peer)[1]).toBe("fine");
        expect(world.simulation.host.reports.splice(0)).toMatchObject([reportOf("onError")]);
      },
      hooks,
    ));

  test("serveHttp rejects a faulty request when onRejection throws", () =>
    withServer(
      () => text("fine"),
      function* (world) {
        const peer = yield* world.ask(request("GET /"), "BAD\r\n\r\n");
        expect([responsesOf(peer).statuses, peer.ended, peer.wasReset]).toEqual([[200, 400], true, false]);
        expect(world.simulation.host.reports.splice(0)).toMatchObject([reportOf("onRejection")]);
      },
      hooks,
    ));

  test("serveHttp answers 408 when onTimeout throws", () =>
    withServer(
      () => text("fine"),
      function* (world) {
        const peer = world.connect("GET / HTTP/1.1\r\n");
        yield* sleep(31_000);
        expect([responsesOf(peer).statuses, peer.ended, peer.wasReset]).toEqual([[408], true, false]);
        expect(world.simulation.host.reports.splice(0)).toMatchObject([reportOf("onTimeout"), reportOf("onRejection")]);
      },
      hooks,
    ));

  test("serveHttp reports an async hook that fails", () =>
    withServer(
      () => text("fine"),
      function* (world) {
        const peer = yield* world.ask("BAD\r\n\r\n");
        expect(responsesOf(peer).statuses).toEqual([400]);
        // The promise of the hook settles outside of virtual time.
        yield* until(Promise.resolve());
        expect(world.simulation.host.reports.splice(0)).toMatchObject([reportOf("onRejection")]);
      },
      { onRejection: async () => fails() },
    ));
});
