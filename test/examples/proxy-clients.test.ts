// The proxy of TCP between clients and servers that people use: Redis by Bun's client and by redis-cli, HTTP by fetch and by curl, in plain text and over
// TLS. What goes in at one side must come out at the other, to the byte. Then what only real sockets show: how much the kernel and the proxy
// hold for a side that does not read, who learns of a server that is not there, signals, and certificates.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RedisClient } from "bun";
import { copyFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { RedisProcess, redisServer } from "../../bench/measure/redis-process.ts";
import { connect, run } from "../../src/index.ts";
import { PATIENCE_MS, printed, runCommand, Scratch, sha256 } from "../clients/support.ts";
import { pem, pemPath } from "../fixtures/tls/certificates.ts";
import { Program, RawClient, within } from "../subprocess.ts";
import { Example, scratch } from "./support.ts";

setDefaultTimeout(PATIENCE_MS);

const TLS_FLAGS = ["--tls-cert", pemPath("cert"), "--tls-key", pemPath("key")];
/** Both ways to a proxy; `true` is TLS. */
const WAYS = [
  ["in plain text", false],
  ["over TLS", true],
] as const;

function proxyTo(port: number, ...flags: string[]): Promise<Example> {
  return Example.start("proxy", "--to", `127.0.0.1:${port}`, ...flags);
}

/** Bytes without a pattern that a mistake could hide in, the same in each run. */
function noise(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let i = 0, state = 1; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A server of node:net, which leaves each end of a connection to its handler. */
class RawServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(handler: (socket: Socket) => void): Promise<RawServer> {
    const server = createServer({ allowHalfOpen: true });
    const raw = new RawServer(server);
    server.on("connection", (socket) => {
      raw.#sockets.add(socket);
      socket.on("error", () => {});
      handler(socket);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    return raw;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }
}

describe.each(WAYS)("a Redis session %s", (_way, isTls) => {
  let behind: RedisProcess;
  let carrier: Example;
  beforeAll(async () => {
    behind = await RedisProcess.start("redis-server", redisServer);
    carrier = await proxyTo(behind.port, ...(isTls ? TLS_FLAGS : []));
  });
  afterAll(async () => {
    expect([await carrier.end(), await carrier.program.errors()]).toEqual([0, ""]);
    await carrier[Symbol.asyncDispose]();
    await behind[Symbol.asyncDispose]();
  });

  async function connected(): Promise<RedisClient & Disposable> {
    const client = new RedisClient(`${isTls ? "rediss" : "redis"}://127.0.0.1:${carrier.port}`, {
      autoReconnect: false,
      ...(isTls ? { tls: { ca: pem("cert") } } : {}),
    });
    await client.connect();
    return Object.assign(client, { [Symbol.dispose]: () => client.close() });
  }

  const cli = (args: readonly string[], input?: Uint8Array): Promise<string> =>
    printed(
      "redis-cli",
      ["-p", String(carrier.port), ...(isTls ? ["--tls", "--cacert", pemPath("cert")] : []), ...args],
      input,
    );

  test("Bun's RedisClient sets and gets, a thousand commands at once, and bytes as they are", async () => {
    using client = await connected();
    const value = (i: number): string => "v".repeat(i * 7);
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.set(`key:${i}`, value(i))));
    const values = await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.get(`key:${i}`)));
    expect(values).toEqual(Array.from({ length: 1_000 }, (_, i) => value(i)));
    const bytes = noise(3_000_000);
    await client.set("bytes", bytes);
    expect(sha256((await client.getBuffer("bytes")) as Uint8Array)).toBe(sha256(bytes));
  });

  test("Bun's RedisClient hears what others publish, in order", async () => {
    using subscriber = await connected();
    using publisher = await connected();
    const heard: string[] = [];
    const all = Promise.withResolvers<void>();
    await subscriber.subscribe("news", (message, channel) => {
      heard.push(`${channel} ${message}`);
      if (heard.length === 100) all.resolve();
    });
    const counts = await Promise.all(Array.from({ length: 100 }, (_, i) => publisher.publish("news", `${i}`)));
    await within(all.promise, "a hundred messages");
    expect(counts).toEqual(Array.from({ length: 100 }, () => 1));
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => `news ${i}`));
    await subscriber.unsubscribe("news");
    expect(await publisher.publish("news", "unheard")).toBe(0);
  });

  test("redis-cli asks, reads a file of commands, and pipes twenty thousand", async () => {
    expect(await cli(["set", "cli", "hello"])).toBe("OK\n");
    expect(await cli([], Buffer.from("get cli\nincr n\nincr n\n"))).toBe("hello\n1\n2\n");
    const set = (i: number): string => `*3\r\n$3\r\nSET\r\n$${`p:${i}`.length}\r\np:${i}\r\n$5\r\nvalue\r\n`;
    const mass = Buffer.from(Array.from({ length: 20_000 }, (_, i) => set(i)).join(""));
    expect(await cli(["-n", "5", "--pipe"], mass)).toEndWith("errors: 0, replies: 20000\n");
    expect(await cli(["-n", "5", "dbsize"])).toBe("20000\n");
  });
});

describe.each(WAYS)("HTTP %s", (_way, isTls) => {
  const BODY = noise(20_000_000);
  const ports = new Set<number>();
  let behind: Bun.Server<undefined>;
  let carrier: Example;
  beforeAll(async () => {
    behind = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request, server) {
        ports.add(server.requestIP(request)?.port ?? 0);
        const { pathname } = new URL(request.url);
        if (pathname === "/digest") return new Response(sha256(await request.bytes()));
        if (pathname === "/large") return new Response(BODY);
        if (pathname === "/chunks") return new Response(chunked(BODY, 30_011));
        return Response.json({ host: request.headers.get("host"), url: request.url, method: request.method });
      },
    });
    carrier = await proxyTo(behind.port as number, ...(isTls ? TLS_FLAGS : []));
  });
  afterAll(async () => {
    expect(await carrier.end()).toBe(0);
    expect(await carrier.program.errors()).toBe("");
    await carrier[Symbol.asyncDispose]();
    await behind.stop(true);
  });

  /** A body of which nobody knows the length. */
  function chunked(body: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= body.length) controller.close();
        else controller.enqueue(body.slice(at, (at += pieceBytes)));
      },
    });
  }

  const url = (path: string): string => `http${isTls ? "s" : ""}://127.0.0.1:${carrier.port}${path}`;
  const ask = (path: string, init: BunFetchRequestInit = {}): Promise<Response> =>
    fetch(url(path), { ...init, ...(isTls ? { tls: { ca: pem("cert") } } : {}) });
  const curl = (...args: string[]): Promise<string> =>
    printed("curl", ["-sS", "--http1.1", ...(isTls ? ["--cacert", pemPath("cert")] : []), ...args]);

  test("fetch keeps one connection for its requests, and the server sees them as they are", async () => {
    ports.clear();
    for (let i = 0; i < 50; i++) {
      const answer = (await (await ask(`/plain?${i}`)).json()) as { url: string; host: string };
      expect(answer).toEqual({
        method: "GET",
        host: `127.0.0.1:${carrier.port}`,
        url: `http://127.0.0.1:${carrier.port}/plain?${i}`,
      } as typeof answer);
    }
    expect(ports.size).toBe(1);
  });

  test("fetch sends and receives large bodies, with a length and in chunks, byte for byte", async () => {
    const digest = sha256(BODY);
    expect(await (await ask("/digest", { method: "POST", body: BODY })).text()).toBe(digest);
    expect(await (await ask("/digest", { method: "POST", body: chunked(BODY, 50_021) })).text()).toBe(digest);
    for (const path of ["/large", "/chunks"]) expect(sha256(await (await ask(path)).bytes())).toBe(digest);
  });

  test("curl sends and receives large bodies, with a length and in chunks, byte for byte, on one connection", async () => {
    using files = new Scratch();
    const digest = sha256(BODY);
    await Bun.write(files.file("body"), BODY);
    expect(await curl("--data-binary", `@${files.file("body")}`, url("/digest"))).toBe(digest);
    const chunks = ["-T", files.file("body"), "-X", "POST", "-H", "Transfer-Encoding: chunked"];
    expect(await curl(...chunks, url("/digest"))).toBe(digest);
    const connects = await curl(
      "-o",
      files.file("1"),
      "-o",
      files.file("2"),
      "-w",
      "%{num_connects} ",
      url("/large"),
      url("/chunks"),
    );
    expect(connects).toBe("1 0 ");
    for (const name of ["1", "2"]) expect(sha256(await Bun.file(files.file(name)).bytes())).toBe(digest);
  });
});

describe("half-close with real sockets", () => {
  test("a client that has sent its FIN gets the answer of a server that waited for it", async () => {
    await using behind = await RawServer.start((socket) => {
      const pieces: Buffer[] = [];
      socket.on("data", (piece: Buffer) => pieces.push(piece));
      socket.on("end", () => socket.end(`${Buffer.concat(pieces).length} bytes.`));
    });
    await using carrier = await proxyTo(behind.port, "--log");
    await using client = await RawClient.connect(carrier.port);
    client.send("x".repeat(1_000));
    client.shutdown();
    expect(await client.received("bytes.")).toBe("1000 bytes.");
    await client.closed();
    expect(await carrier.program.line()).toMatch(
      /^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+: 1000 bytes up, 11 down in \d+ ms: both sides ended$/,
    );
    expect([await carrier.end(), await carrier.program.errors()]).toEqual([0, ""]);
  });

  test("a server that has sent its FIN hears what the client has still to say", async () => {
    const heard = Promise.withResolvers<string>();
    await using behind = await RawServer.start((socket) => {
      let text = "";
      socket.on("data", (piece: Buffer) => (text += piece.toString()));
      socket.on("end", () => heard.resolve(text));
      socket.end("that is all.");
    });
    await using carrier = await proxyTo(behind.port);
    const ended = Promise.withResolvers<void>();
    let told = "";
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: carrier.port,
      allowHalfOpen: true,
      socket: { data: (_socket, bytes) => void (told += bytes.toString()), end: () => ended.resolve() },
    });
    await within(ended.promise, "the server's FIN");
    expect(told).toBe("that is all.");
    socket.write("not from here");
    socket.shutdown();
    expect(await within(heard.promise, "what the client said behind the server's FIN")).toBe("not from here");
    expect([await carrier.end(), await carrier.program.errors()]).toEqual([0, ""]);
  });

  test("over TLS a client's end is the server's end, and the answer comes behind it", async () => {
    await using behind = await RawServer.start((socket) => {
      let bytes = 0;
      socket.on("data", (piece: Buffer) => (bytes += piece.length));
      socket.on("end", () => socket.end(`${bytes} bytes.`));
    });
    await using carrier = await proxyTo(behind.port, ...TLS_FLAGS);
    const answer = await run(function* () {
      using conn = yield* connect({ port: carrier.port, tls: { ca: pem("cert") } });
      yield* conn.write(noise(2_000_000));
      yield* conn.end();
      let text = "";
      for (let bytes: Uint8Array | null; (bytes = yield* conn.read()) !== null;) text += Buffer.from(bytes).toString();
      return text;
    }).promise;
    expect(answer).toBe("2000000 bytes.");
    expect([await carrier.end(), await carrier.program.errors()]).toEqual([0, ""]);
  });
});

describe("sides that do not read, with real sockets", () => {
  /** What the kernel's buffers at both sockets of a side may take, 6 MB each by default, and room. */
  const HELD_BYTES_MAX = 64_000_000;
  const BLOCK = Buffer.alloc(1 << 20);
  const BYTES_MAX = 1 << 30;

  /** Writes up to a gibibyte, as fast as `socket` takes it. */
  function pour(socket: Socket, count: { taken: number }): void {
    while (count.taken < BYTES_MAX) {
      count.taken += BLOCK.length;
      if (socket.write(BLOCK)) continue;
      socket.once("drain", () => pour(socket, count));
      return;
    }
    socket.end();
  }

  test.each(WAYS)("a client that does not read stops the server, %s", async (_way, isTls) => {
    const count = { taken: 0 };
    await using behind = await RawServer.start((socket) => {
      socket.once("data", (piece: Buffer) => {
        if (piece.toString() === "pour") pour(socket, count);
        else socket.end("pong");
      });
    });
    await using carrier = await proxyTo(behind.port, ...(isTls ? TLS_FLAGS : []));
    const task = run(function* () {
      const tls = isTls ? { tls: { ca: pem("cert") } } : {};
      const slow = yield* connect({ port: carrier.port, ...tls });
      yield* slow.write("pour");
      // Meanwhile the server has time enough to send all of it.
      for (let i = 0; i < 200; i++) {
        using other = yield* connect({ port: carrier.port, ...tls });
        yield* other.write("ping");
        expect(Buffer.from((yield* other.readExactly(4)) as Uint8Array).toString()).toBe("pong");
      }
      slow.terminate();
    });
    await task.promise;
    expect(count.taken).toBeWithin(BLOCK.length, HELD_BYTES_MAX);
  });

  test("a server that does not read stops the client", async () => {
    const count = { taken: 0 };
    await using behind = await RawServer.start((socket) => {
      socket.once("data", (piece: Buffer) => {
        if (piece.length < 100) socket.end("pong");
        else socket.pause();
      });
    });
    await using carrier = await proxyTo(behind.port);
    const { Socket: ClientSocket } = await import("node:net");
    const fast = new ClientSocket();
    fast.on("error", () => {});
    fast.connect(carrier.port, "127.0.0.1", () => pour(fast, count));
    for (let i = 0; i < 200; i++) {
      await using other = await RawClient.connect(carrier.port);
      other.send("ping");
      await other.received("pong");
    }
    expect(count.taken).toBeWithin(BLOCK.length, HELD_BYTES_MAX);
    fast.destroy();
  });
});

describe("examples/proxy.ts", () => {
  /** Settles when a connection to `port` is cut off, as it stands or before. */
  async function refusedAt(port: number): Promise<void> {
    const client = await RawClient.connect(port).catch(() => null);
    await client?.closed();
  }

  test("a server that is not there: the client is cut off, and a line says why", async () => {
    // Nobody listens at port 1.
    await using carrier = await proxyTo(1);
    await refusedAt(carrier.port);
    const { code, stdout } = await runCommand("curl", ["-sS", `http://127.0.0.1:${carrier.port}/`]);
    // Cut off while it connects, sends, or receives.
    expect([7, 55, 56]).toContain(code);
    expect(stdout.toString()).toBe("");
    expect(await carrier.end()).toBe(0);
    const lines = (await carrier.program.errors()).trim().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line).toMatch(
        /^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:1: Cannot connect to 127\.0\.0\.1:1: .*\(ECONNREFUSED\)$/,
      );
  });

  test("one connection too many is refused, and let in once there is room", async () => {
    await using behind = await RawServer.start((socket) => socket.write("hello."));
    await using carrier = await proxyTo(behind.port, "--connections-max", "2", "--log");
    const first = await RawClient.connect(carrier.port);
    await using second = await RawClient.connect(carrier.port);
    await first.received("hello.");
    await second.received("hello.");
    await refusedAt(carrier.port);
    await first[Symbol.asyncDispose]();
    expect(await carrier.program.line()).toEndWith("the client is gone");
    await using fourth = await RawClient.connect(carrier.port);
    expect(await fourth.received("hello.")).toBe("hello.");
  });

  test("SIGTERM closes what is silent, waits for what is not, and leaves with 0", async () => {
    const sockets: Socket[] = [];
    await using behind = await RawServer.start((socket) => {
      sockets.push(socket);
      socket.write("hello.");
    });
    await using carrier = await proxyTo(behind.port, "--log");
    await using silent = await RawClient.connect(carrier.port);
    await silent.received("hello.");
    sockets[0]?.on("end", () => sockets[0]?.end());
    await using waiting = await RawClient.connect(carrier.port);
    await waiting.received("hello.");
    const ended = Promise.withResolvers<void>();
    sockets[1]?.on("end", () => ended.resolve());
    waiting.shutdown();
    await within(ended.promise, "the client's FIN at the server");
    const code = carrier.end();
    await silent.closed();
    expect(await carrier.program.line()).toEndWith("the proxy closes");
    sockets[1]?.end("bye");
    expect(await waiting.received("bye")).toBe("hello.bye");
    expect(await carrier.program.line()).toEndWith("both sides ended");
    expect([await code, await carrier.program.errors()]).toEqual([0, ""]);
  });

  test("SIGHUP shows another certificate to those who come, and a file that is none leaves the old one", async () => {
    using folder = scratch();
    const [cert, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
    copyFileSync(pemPath("cert"), cert);
    copyFileSync(pemPath("key"), key);
    await using behind = await RawServer.start((socket) => socket.on("data", (bytes: Buffer) => socket.write(bytes)));
    await using carrier = await proxyTo(behind.port, "--tls-cert", cert, "--tls-key", key);
    const fingerprint = async (): Promise<string> => {
      const socket = connectTls({ port: carrier.port, host: "127.0.0.1", rejectUnauthorized: false });
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      socket.on("secureConnect", () => resolve(socket.getPeerCertificate().fingerprint256)).on("error", reject);
      try {
        return await within(promise, "a handshake");
      } finally {
        socket.destroy();
      }
    };
    const old = await fingerprint();
    await using stays = await RawClient.connect(carrier.port);
    copyFileSync(pemPath("chain-cert"), cert);
    copyFileSync(pemPath("chain-key"), key);
    carrier.program.signal("SIGHUP");
    expect(await carrier.program.line()).toBe("reloaded: another certificate from now on");
    const fresh = await fingerprint();
    expect(fresh).not.toBe(old);
    await Bun.write(cert, "no certificate");
    carrier.program.signal("SIGHUP");
    // It goes on with what it has.
    expect(await fingerprint()).toBe(fresh);
    expect(await carrier.end()).toBe(0);
    expect(await carrier.program.errors()).toContain("Cannot reload the certificate of 127.0.0.1:");
    await stays.closed();
  });

  test.each([
    [["--to", "nowhere"], 'Cannot carry connections to "nowhere": expected HOST:PORT or unix:PATH'],
    [["--tls-cert", pemPath("cert")], "Cannot end TLS: it takes both, --tls-cert and --tls-key"],
    [["--idle-ms", "soon"], 'Cannot use "soon" as a bound: it is no whole number'],
  ])("flags that make no sense end it with a message: %p", async (flags, message) => {
    await using program = Program.file("examples/proxy.ts", "--port", "0", ...flags);
    expect(await program.exitCode()).toBe(1);
    expect(await program.errors()).toContain(message);
  });
});
