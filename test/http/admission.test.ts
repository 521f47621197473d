// Requests for another host, or for a resource that wants TLS, get 421 (RFC 9110 section 7.4).

import { describe, expect, test } from "bun:test";
import { serveHttp, text } from "../../src/http/index.ts";
import { Simulation } from "../../src/sim/index.ts";
import { request, responsesOf, withServer } from "./support.ts";

/** Statuses of requests with these Host fields, each on a connection of its own. */
async function statusesFor(hosts: readonly string[], asked: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  await withServer(
    () => text("here"),
    function* (world) {
      for (const host of asked) {
        const peer = yield* world.ask(request("GET /", [`Host: ${host}`]));
        statuses.push(...responsesOf(peer).statuses);
      }
    },
    { hosts },
  );
  return statuses;
}

describe("serveHttp with hosts", () => {
  test("serveHttp answers for a name in any case, with any port and with a dot at its end", async () => {
    const asked = ["mill.example", "MILL.Example", "mill.example:8080", "mill.example.", "mill.example.:80"];
    expect(await statusesFor(["Mill.example"], asked)).toEqual([200, 200, 200, 200, 200]);
  });

  test("serveHttp refuses every other host with 421", async () => {
    const asked = ["other.example", "a.mill.example", "mill.example.evil", "xmill.example", "127.0.0.1"];
    expect(await statusesFor(["mill.example"], asked)).toEqual([421, 421, 421, 421, 421]);
  });

  test("serveHttp answers for all names below a wildcard and not for the name itself", async () => {
    const asked = ["a.mill.example", "b.a.mill.example:1", "mill.example", "amill.example"];
    expect(await statusesFor(["*.mill.example"], asked)).toEqual([200, 200, 421, 421]);
  });

  test("serveHttp answers for addresses, with brackets where they need them", async () => {
    const asked = ["[::1]", "[::1]:8080", "127.0.0.1:80", "[::2]"];
    expect(await statusesFor(["[::1]", "127.0.0.1"], asked)).toEqual([200, 200, 200, 421]);
  });

  test("serveHttp goes by the host of an absolute target, tells its hook, and reads no later request", () =>
    withServer(
      () => text("here"),
      function* (world) {
        const asked = request("GET http://other.example/", ["Host: mill.example"]) + request("GET /");
        const peer = yield* world.ask(asked);
        expect([responsesOf(peer).statuses, peer.ended]).toEqual([[421], true]);
        expect(world.rejections.map(({ status, code }) => [status, code])).toEqual([[421, "ERR_HTTP_MISDIRECTED"]]);
      },
      { hosts: ["mill.example"] },
    ));

  test("serveHttp refuses a host with a port, a scheme or a path", async () => {
    for (const host of ["mill.example:80", "http://mill.example", "mill.example/a", "a*b", ""]) {
      const serving = new Simulation().run(() => serveHttp({ port: 1 }, () => text(""), { hosts: [host] }));
      await expect(serving).rejects.toThrow(/^Cannot serve the host "/);
    }
  });
});

describe("serveHttp without TLS", () => {
  test("serveHttp refuses a target with the scheme https with 421, and not one with http", () =>
    withServer(
      ({ target }) => text(target),
      function* (world) {
        const plain = yield* world.ask(request("GET http://example.org/a"));
        const secure = yield* world.ask(request("GET HTTPS://example.org/a"));
        expect([...responsesOf(plain).statuses, ...responsesOf(secure).statuses]).toEqual([200, 421]);
      },
    ));
});
