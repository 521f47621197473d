// The proxy between a client and a server of its own, both without any code of ours: what arrives on either side, that nothing is held in between,
// and what each of the two learns when the other leaves or fails.

import { describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { RawClient, within } from "../subprocess.ts";
import { Example } from "./support.ts";

const PLAIN = "A mill turns as long as its race has water. ".repeat(200);
const PACKED = gzipSync(PLAIN);

/** A server behind the proxy. */
class Upstream implements AsyncDisposable {
  readonly #server: Server;
  readonly origin: string;

  private constructor(server: Server, origin: string) {
    this.#server = server;
    this.origin = origin;
  }

  static async start(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Upstream> {
    const server = createServer(handler);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = server.address();
    return new Upstream(server, `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

/** A proxy in front of `upstream`. */
function proxyTo(upstream: { readonly origin: string }, ...args: string[]): Promise<Example> {
  return Example.start("reverse-proxy", "--to", upstream.origin, ...args);
}

/** What the server saw of a request. */
interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string | undefined>;
  readonly body: string;
}

async function tellBack(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const { method = "", url: target = "", headers } = request;
  response.end(JSON.stringify({ method, target, headers, body: Buffer.concat(pieces).toString() }));
}

const echo = (request: IncomingMessage, response: ServerResponse): void => void tellBack(request, response);

/** A body of the client, piece by piece. */
function handFed(): { body: ReadableStream<Uint8Array>; feed: (text: string) => void; end: () => void } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    body: readable as unknown as ReadableStream<Uint8Array>,
    feed: (text) => void writer.write(Buffer.from(text)).catch(() => {}),
    end: () => void writer.close().catch(() => {}),
  };
}

describe("examples/reverse-proxy.ts", () => {
  test("method, target, headers and body go on, and what is about the connection alone does not", async () => {
    await using upstream = await Upstream.start(echo);
    await using example = await proxyTo(upstream);
    const response = await example.fetch("/a%2Fb//c?d=%20&e", {
      method: "PATCH",
      body: "flour",
      headers: [
        ["x-own", "1"],
        ["x-own", "2"],
        ["cookie", "a=1; b=2"],
        ["connection", "x-hop"],
        ["x-hop", "ends here"],
        ["keep-alive", "timeout=5"],
        ["te", "trailers"],
        ["x-forwarded-for", "203.0.113.9"],
        ["x-forwarded-host", "made.up"],
      ],
    });
    const { method, target, headers, body } = (await response.json()) as Seen;
    expect([method, target, body]).toEqual(["PATCH", "/a%2Fb//c?d=%20&e", "flour"]);
    expect(headers).toMatchObject({
      host: new URL(upstream.origin).host,
      "x-own": "1, 2",
      cookie: "a=1; b=2",
      "content-length": "5",
      "x-forwarded-for": "203.0.113.9, 127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": new URL(example.origin).host,
    });
    for (const name of ["x-hop", "keep-alive", "te", "transfer-encoding"]) expect(headers[name]).toBeUndefined();
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("a target with two slashes asks the server behind, not another one", async () => {
    await using upstream = await Upstream.start(echo);
    await using example = await proxyTo(upstream);
    await using client = await RawClient.connect(example.port);
    client.send("GET //other.example/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    client.shutdown();
    await client.closed();
    expect(await client.received('"body":""}')).toMatch(/"target":"\/+other\.example\/x"/);
  });

  test("status and headers come back, every Set-Cookie and a redirect among them", async () => {
    await using upstream = await Upstream.start((_request, response) => {
      response.writeHead(302, {
        location: "/elsewhere",
        "set-cookie": ["a=1", "b=2"],
        connection: "x-hop",
        "x-hop": "ends here",
      });
      response.end("moved");
    });
    await using example = await proxyTo(upstream);
    const response = await example.fetch("/");
    expect([response.status, await response.text()]).toEqual([302, "moved"]);
    expect(response.headers.get("location")).toBe("/elsewhere");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("x-hop")).toBeNull();
  });

  test.each(["length", "chunks"])("a packed body arrives packed, sent with %s", async (framing) => {
    await using upstream = await Upstream.start((request, response) => {
      response.setHeader("content-encoding", "gzip");
      if (framing === "length") response.setHeader("content-length", PACKED.length);
      response.write(PACKED.subarray(0, 10));
      response.end(PACKED.subarray(10));
      expect(request.headers["accept-encoding"]).toBe("gzip;q=0.5");
    });
    await using example = await proxyTo(upstream);
    const init = { headers: { "accept-encoding": "gzip;q=0.5" }, decompress: false };
    const packed = await example.fetch("/", init);
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(packed.headers.get("content-length")).toBe(framing === "length" ? String(PACKED.length) : null);
    expect(Buffer.from(await packed.arrayBuffer()).equals(PACKED)).toBe(true);
    const plain = await example.fetch("/", { headers: init.headers });
    expect(await plain.text()).toBe(PLAIN);
  });

  test("HEAD, 204 and 304 come back without a body, HEAD with the length that GET has", async () => {
    await using upstream = await Upstream.start((request, response) => {
      if (request.url === "/length") response.setHeader("content-length", 1_234);
      else response.statusCode = Number(request.url?.slice(1));
      response.end();
    });
    await using example = await proxyTo(upstream);
    const head = await example.fetch("/length", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "1234"]);
    for (const status of [204, 304]) {
      const response = await example.fetch(`/${status}`);
      expect([response.status, await response.text()]).toEqual([status, ""]);
    }
  });

  test("what cannot be passed on is refused: an unknown method, and a body with GET", async () => {
    await using example = await proxyTo({ origin: "http://127.0.0.1:1" });
    const ask = async (head: string, end: string): Promise<string> => {
      await using client = await RawClient.connect(example.port);
      client.send(`${head}\r\nhost: a\r\nconnection: close\r\n\r\n`);
      return (await client.received(end)).split("\r\n")[0] ?? "";
    };
    expect(await ask("BREW / HTTP/1.1", "Not Allowed\n")).toBe("HTTP/1.1 405 Method Not Allowed");
    expect(await ask("GET / HTTP/1.1\r\ncontent-length: 1", "with GET\n")).toBe("HTTP/1.1 400 Bad Request");
  });

  test("both bodies are streams: each side has the first piece before the other has sent the last", async () => {
    await using upstream = await Upstream.start((request, response) => {
      request.on("data", (piece: Buffer) => response.write(`got ${piece.toString()}`));
      request.on("end", () => response.end("!"));
    });
    await using example = await proxyTo(upstream);
    const { body, feed, end } = handFed();
    feed("one ");
    const response = await example.fetch("/", { method: "POST", body });
    const pieces = (response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value } = await within(pieces.next(), "a piece of the answer");
      return Buffer.from(value as Uint8Array).toString();
    };
    expect(await next()).toBe("got one ");
    feed("two ");
    expect(await next()).toBe("got two ");
    end();
    expect(await next()).toBe("!");
  });

  test("a client that does not read stops the server behind", async () => {
    const block = Buffer.alloc(1 << 20);
    const bytesMax = 1 << 30;
    let taken = 0;
    await using upstream = await Upstream.start((request, response) => {
      const more = (): void => {
        while (taken < bytesMax) {
          taken += block.length;
          if (response.write(block)) continue;
          response.once("drain", more);
          return;
        }
        response.end();
      };
      if (request.url === "/large") more();
      else response.end("pong");
    });
    await using example = await proxyTo(upstream);
    const large = await example.fetch("/large");
    // Meanwhile the server has time enough to send all of it.
    for (let i = 0; i < 300; i++) expect(await (await example.fetch("/ping")).text()).toBe("pong");
    expect(taken).toBeLessThan(100 << 20);
    await large.body?.cancel();
  });

  test("a client that leaves takes its request to the server with it, before the head and behind it", async () => {
    const left: string[] = [];
    const gone = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using upstream = await Upstream.start((request, response) => {
      response.on("close", () => {
        left.push(request.url ?? "");
        if (left.length === 2) gone.resolve();
      });
      if (request.url === "/body") response.write("first");
      else asked.resolve();
    });
    await using example = await proxyTo(upstream);
    await using waiting = await RawClient.connect(example.port);
    waiting.send("GET /head HTTP/1.1\r\nhost: a\r\n\r\n");
    await within(asked.promise, "the request at the server");
    const leaving = new AbortController();
    const response = await example.fetch("/body", { signal: leaving.signal });
    expect(response.status).toBe(200);
    leaving.abort();
    await waiting[Symbol.asyncDispose]();
    await within(gone.promise, `two requests to be given up, not only ${left.join(", ")}`);
    expect(left.toSorted()).toEqual(["/body", "/head"]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("a client that leaves within its body ends the request to the server, too", async () => {
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    await using upstream = await Upstream.start((request) => {
      request.once("data", () => begun.resolve());
      request.on("error", () => {});
      request.once("close", () => gone.resolve());
    });
    await using example = await proxyTo(upstream);
    await using client = await RawClient.connect(example.port);
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nonly this");
    await within(begun.promise, "the first piece at the server");
    await client[Symbol.asyncDispose]();
    await within(gone.promise, "the request to be given up");
  });

  test("a server that cannot be reached is 502, and the log says why", async () => {
    await using example = await proxyTo({ origin: "http://127.0.0.1:1" });
    const response = await example.fetch("/a?b");
    expect([response.status, await response.text()]).toEqual([502, "Bad Gateway\n"]);
    expect(await example.end()).toBe(0);
    expect(await example.program.errors()).toMatch(/^GET \/a\?b: .*ECONNREFUSED/);
  });

  test("a server that does not begin to answer in time is 504, and is left; a slow body may take longer", async () => {
    const left = Promise.withResolvers<void>();
    const late = Promise.withResolvers<void>();
    await using upstream = await Upstream.start((request, response) => {
      if (request.url === "/never") {
        response.on("close", () => left.resolve());
        return;
      }
      response.write("begun, ");
      void late.promise.then(() => response.end("ended"));
    });
    await using example = await proxyTo(upstream, "--head-ms", "1000");
    const slow = await example.fetch("/slow");
    const response = await example.fetch("/never");
    expect([response.status, await response.text()]).toEqual([504, "Gateway Timeout\n"]);
    await within(left.promise, "the server to be left");
    // The deadline of the other one has passed as well by now.
    late.resolve();
    expect(await slow.text()).toBe("begun, ended");
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("a body that the server breaks off is broken off for the client", async () => {
    await using upstream = await Upstream.start((_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("part of it", () => response.destroy());
    });
    await using example = await proxyTo(upstream);
    const outcome = await example
      .fetch("/")
      .then((response) => response.text())
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(Error);
  });
});
