// HTTPS as clients of many kinds meet it: the HTTP server knows nothing of TLS, so what is tested is that the bytes, the reuse of connections
// and the ends are those of plain HTTP.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Agent, request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Task } from "../../src/core/task.ts";
import { bytes, type HttpRequest, type Reply, router, serveHttp, stream, text } from "../../src/http/index.ts";
import { run } from "../../src/index.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { BunConnWorld, patterned } from "../contract/conn-world.ts";
import { pemPath, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { connectSecure, SECURE, TcpClient } from "./tls-support.ts";

const BULK = patterned(10 * 1024 * 1024);
const world = new BunConnWorld();
const ca = SELF_SIGNED.cert;

/** What GET /gated waits for, and how many wait. */
const gate = Promise.withResolvers<void>();
let gated = 0;

const handler = router([
  ["GET", "/", () => text("Hello, World!")],
  ["GET", "/bulk", () => bytes(BULK)],
  ["POST", "/digest", digest],
  ["POST", "/echo", echo, { bodyBytesMax: Number.POSITIVE_INFINITY }],
  ["GET", "/gated", answerGated],
]);

function* digest(request: HttpRequest): Steps<Reply> {
  return text(hashOf(yield* request.bytes()));
}

function echo(request: HttpRequest): Reply {
  return stream(function* (writer) {
    for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null;) yield* writer.write(chunk);
  });
}

function* answerGated(): Steps<Reply> {
  gated++;
  yield* until(gate.promise);
  return text("late");
}

interface Running {
  readonly listener: Listener;
  readonly task: Task<unknown>;
  readonly url: string;
}

/** Serves at a port of its own until it is cancelled. */
async function start(): Promise<Running> {
  const { promise, resolve } = Promise.withResolvers<Listener>();
  const task = run(function* () {
    const listener = yield* listen(SECURE);
    resolve(listener);
    return yield* serveHttp(listener, handler);
  });
  task.promise.catch(() => {});
  const listener = await promise;
  return { listener, task, url: `https://localhost:${listener.port}` };
}

/** Cancels it and waits until it is over. */
async function stop({ task }: Running): Promise<void> {
  task.cancel();
  await task.promise.catch(() => {});
}

let server: Running;
beforeAll(async () => {
  server = await start();
});
afterAll(() => stop(server));

const hashOf = (data: Uint8Array): string => new Bun.CryptoHasher("sha256").update(data).digest("hex");
const BULK_HASH = hashOf(BULK);

describe("HTTPS", () => {
  test("serveHttp answers fetch, that trusts the certificate, on one connection again and again", async () => {
    const { accepted } = server.listener.statistics();
    for (let i = 0; i < 20; i++) expect(await (await fetch(server.url, { tls: { ca } })).text()).toBe("Hello, World!");
    expect(server.listener.statistics().accepted - accepted).toBe(1);
  });

  test("serveHttp answers fetch that trusts anybody, and not one that does not trust the certificate", async () => {
    const url = `https://127.0.0.1:${server.listener.port}/`;
    expect(await (await fetch(url, { tls: { rejectUnauthorized: false } })).text()).toBe("Hello, World!");
    expect(await fetch(url).catch((error: { code: string }) => error.code)).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
  });

  test("serveHttp sends and takes 10 MB, whole", async () => {
    const answer = await fetch(`${server.url}/bulk`, { tls: { ca } });
    expect(hashOf(await answer.bytes())).toBe(BULK_HASH);
    expect(await (await fetch(`${server.url}/digest`, { method: "POST", body: BULK, tls: { ca } })).text()).toBe(
      BULK_HASH,
    );
  });

  test("serveHttp streams both ways at once", async () => {
    const answer = await fetch(`${server.url}/echo`, { method: "POST", body: BULK, tls: { ca } });
    expect(hashOf(await answer.bytes())).toBe(BULK_HASH);
  });

  test("serveHttp keeps an agent of node:https on one connection", async () => {
    const { accepted } = server.listener.statistics();
    using agent = disposable(new Agent({ keepAlive: true, maxSockets: 1, ca }));
    for (const path of ["/", "/bulk", "/", "/bulk", "/"]) {
      const body = await getWith(agent.agent, server.listener.port, path);
      expect(hashOf(body)).toBe(path === "/" ? hashOf(Buffer.from("Hello, World!")) : BULK_HASH);
    }
    expect(server.listener.statistics().accepted - accepted).toBe(1);
  });

  test.skipIf(Bun.which("curl") === null)(
    "serveHttp serves curl: two requests on one connection, 10 MB whole",
    async () => {
      const urls = [server.url, `${server.url}/bulk`, `${server.url}/bulk`];
      const format = ["--write-out", "%{stderr}%{http_code} %{num_connects} %{size_download}\n"];
      const curl = Bun.spawn(["curl", "--silent", "--cacert", pemPath("cert"), ...format, ...urls], { stderr: "pipe" });
      const [out, told] = await Promise.all([new Response(curl.stdout).bytes(), new Response(curl.stderr).text()]);
      expect(told).toBe(`200 1 13\n200 0 ${BULK.length}\n200 0 ${BULK.length}\n`);
      expect(hashOf(out.subarray(13))).toBe(hashOf(Buffer.concat([BULK, BULK])));
      const insecure = Bun.spawn(["curl", "--silent", "--insecure", server.url]);
      expect(await new Response(insecure.stdout).text()).toBe("Hello, World!");
    },
  );

  test("serveHttp answers pipelined requests in order, and FIN follows Connection: close", async () => {
    await world.run(function* () {
      using conn = yield* connectSecure(server.listener.port);
      yield* conn.write("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /bulk HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      const chunks: Uint8Array[] = [];
      for (let chunk: Uint8Array | null; (chunk = yield* conn.read()) !== null;) chunks.push(chunk);
      const all = Buffer.concat(chunks);
      expect(all.includes("Hello, World!HTTP/1.1 200 OK\r\n")).toBe(true);
      expect(hashOf(all.subarray(-BULK.length))).toBe(BULK_HASH);
    });
  });

  test("serveHttp reached with plain HTTP closes without an answer", async () => {
    const client = await TcpClient.open(server.listener.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.over;
    expect(client.received).toBe(0);
  });

  test("serveHttp lets go of a client that leaves in the middle of a download", async () => {
    const own = await start();
    const aborted = new AbortController();
    const answer = await fetch(`${own.url}/bulk`, { tls: { ca }, signal: aborted.signal });
    expect(answer.status).toBe(200);
    aborted.abort();
    await answer.bytes().catch(() => {});
    await world.run(() => world.until(() => own.listener.statistics().open === 0, "no connection left"));
    await stop(own);
  });
});

describe("HTTPS that drains", () => {
  test("serveHttp that is cancelled answers what is in flight, closes what is idle, and resets handshakes", async () => {
    const own = await start();
    await world.run(function* () {
      const slowOne = yield* connectSecure(own.listener.port);
      const idle = yield* connectSecure(own.listener.port);
      const silent = yield* until(TcpClient.open(own.listener.port));
      yield* slowOne.write("GET /gated HTTP/1.1\r\nHost: a\r\n\r\n");
      yield* idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      yield* idle.readUntil("World!");
      yield* world.until(() => gated === 1 && own.listener.statistics().open === 3, "all three are there");
      own.task.cancel();
      expect(yield* until(silent.over)).toBe("reset");
      expect(yield* idle.read()).toBeNull();
      gate.resolve();
      const answer = yield* slowOne.readUntil("late");
      expect(Buffer.from(answer as Uint8Array).toString()).toContain("Connection: close");
      expect(yield* slowOne.read()).toBeNull();
      idle.close();
      slowOne.close();
      expect(yield* moveOnAfter(4_000, until(own.task.promise.catch(() => "over")))).toBe("over");
      expect(own.listener.statistics().open).toBe(0);
    });
  });
});

function disposable(agent: Agent): Disposable & { readonly agent: Agent } {
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}

/** The body of an answer. */
async function getWith(agent: Agent, port: number, path: string): Promise<Buffer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpsRequest({ host: "localhost", port, path, agent }, resolve).on("error", reject).end();
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
