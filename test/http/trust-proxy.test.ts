// What serveHttp believes of X-Forwarded-For, -Proto and -Host. How they are read is in forwarded.test.ts.

import { describe, expect, test } from "bun:test";
import { fromFetch, type HttpHandler, type HttpOptions, json, serveHttp, text } from "../../src/http/index.ts";
import { Simulation } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, settle, withServer } from "./support.ts";

const origin: HttpHandler = ({ remoteAddress, protocol, host }) => json([remoteAddress, protocol, host]);
const FORWARDED = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: mill.example"];

/** What the handler saw of a request with `fields`. */
async function seen(options: HttpOptions, fields: readonly string[]): Promise<unknown> {
  let answer = "";
  await withServer(
    origin,
    function* (world) {
      answer = bodiesOf(yield* world.ask(request("GET /", fields)))[0] ?? "";
    },
    options,
  );
  return JSON.parse(answer);
}

describe("serveHttp's trustProxy", () => {
  test("trustProxy is off by default: what the client says of itself is not believed", async () => {
    expect(await seen({}, FORWARDED)).toEqual(["127.0.0.1", "http", "example.org"]);
  });

  test("trustProxy makes address, protocol and host those that the proxy tells of", async () => {
    for (const trustProxy of [true, 1, ["loopback"], ["127.0.0.0/8"]])
      expect(await seen({ trustProxy }, FORWARDED)).toEqual(["203.0.113.9", "https", "mill.example"]);
  });

  test("trustProxy believes nobody whose address is not on its list", async () => {
    expect(await seen({ trustProxy: ["10.0.0.0/8"] }, FORWARDED)).toEqual(["127.0.0.1", "http", "example.org"]);
  });

  test("trustProxy lets an https target through: the TLS was the proxy's", () =>
    withServer(
      ({ protocol }) => text(protocol),
      function* (world) {
        const peer = yield* world.ask(request("GET https://example.org/", ["X-Forwarded-Proto: https"]));
        expect([responsesOf(peer).statuses, bodiesOf(peer)]).toEqual([[200], ["https"]]);
      },
      { trustProxy: true },
    ));

  test("trustProxy is in the URL and the address that a Fetch handler sees", () =>
    withServer(
      fromFetch((incoming, server) => Response.json([incoming.url, server.requestIP(incoming)?.address])),
      function* (world) {
        const peer = yield* world.ask(request("GET /a", FORWARDED));
        yield* settle();
        expect(bodiesOf(peer)).toEqual(['["https://mill.example/a","203.0.113.9"]']);
      },
      { trustProxy: true },
    ));

  test("trustProxy that names no address fails when the server starts", async () => {
    const serving = new Simulation().run(() => serveHttp({ port: 1 }, () => text(""), { trustProxy: ["mill"] }));
    await expect(serving).rejects.toThrow(/^Cannot trust the proxy "mill": /);
  });
});
