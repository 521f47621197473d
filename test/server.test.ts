// `bun run src/server.ts` as its users meet it: a process with flags, routes, signals and exit codes.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { pem, pemPath } from "./fixtures/tls/certificates.ts";
import { type Ended, PlainClient, type RunningServer, ServerProcess } from "./http/support-server.ts";

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const MiB = 1024 * 1024;
const TLS_FLAGS = (key: string): string[] => ["--tls-cert", pemPath("cert"), "--tls-key", pemPath(key)];

// A process takes 150 ms to start, and seconds on a machine that is busy.
setDefaultTimeout(30_000);

let server: RunningServer;
beforeAll(async () => {
  server = await ServerProcess.ready();
});
afterAll(() => server[Symbol.asyncDispose]());

describe("server.ts' routes", () => {
  test("server.ts answers GET /, /json and /healthz", async () => {
    const answers = await Promise.all(["/", "/json", "/healthz"].map((path) => fetch(server.url(path))));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual([
      "Hello, World!",
      '{"message":"Hello, World!"}',
      "ok\n",
    ]);
    expect(answers.map(({ headers }) => headers.get("content-type"))).toEqual([
      "text/plain; charset=utf-8",
      "application/json",
      "text/plain; charset=utf-8",
    ]);
  });

  test("server.ts answers what it does not know with 404, and a wrong method with 405 and Allow", async () => {
    expect((await fetch(server.url("/nothing"))).status).toBe(404);
    const wrong = await fetch(server.url("/json"), { method: "DELETE" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });

  for (const [name, size] of [
    ["nothing", 0],
    ["1 MiB", MiB],
    ["50 MiB, more than the server's body limit", 50 * MiB],
  ] as const) {
    test(`server.ts' POST /echo sends back ${name}`, async () => {
      const body = new Uint8Array(size);
      for (let i = 0; i < size; i += 4_096) body[i] = i >> 12;
      const sized = await fetch(server.url("/echo"), { method: "POST", body, headers: { "content-type": "x/y" } });
      expect(sized.headers.get("content-type")).toBe("x/y");
      expect(Buffer.compare(await sized.bytes(), body)).toBe(0);
    });
  }

  test("server.ts' POST /echo sends back as it comes: each side may be ahead of the other", async () => {
    const client = await PlainClient.connect(
      server.port,
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    );
    await client.until("\r\n3\r\none\r\n");
    client.send("3\r\ntwo\r\n");
    await client.until("\r\n3\r\ntwo\r\n");
    client.send(`0\r\n\r\n${GET("/healthz")}`);
    await client.until("ok\n");
    client.reset();
  });

  test("server.ts' GET /bytes/:n sends n bytes, and refuses what is no number", async () => {
    for (const size of [0, 1, 65_536, 3 * MiB + 1]) {
      const answer = await fetch(server.url(`/bytes/${size}`));
      expect(answer.headers.get("content-length")).toBe(`${size}`);
      expect((await answer.bytes()).length).toBe(size);
    }
    for (const path of ["/bytes/x", "/bytes/-1", "/bytes/99999999999999", "/sleep/1e3", "/sleep/86400001"]) {
      expect([path, (await fetch(server.url(path))).status]).toEqual([path, 400]);
    }
  });

  test("server.ts' GET /sleep/:ms answers later, and holds up nobody else", async () => {
    const order: string[] = [];
    const slow = fetch(server.url("/sleep/60")).then(async (answer) => order.push(await answer.text()));
    const fast = fetch(server.url("/")).then(async (answer) => order.push(await answer.text()));
    await Promise.all([slow, fast]);
    expect(order).toEqual(["Hello, World!", "slept 60 ms\n"]);
  });

  test("server.ts echoes TCP, to the last byte behind a half-close", async () => {
    const client = await PlainClient.connect(server.echoPort, "first");
    await client.until("first");
    client.send("x".repeat(100_000));
    client.shutdown();
    await client.ended;
    expect(client.received).toHaveLength(100_005);
  });
});

describe("server.ts' command line", () => {
  const run = async (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    await using started = new ServerProcess(args, env);
    return await started.ended();
  };

  test("server.ts --help prints its usage and exits 0", async () => {
    const { code, stdout, stderr } = await run(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const word of ["usage:", "--host", "--port", "--echo-port", "--tls-cert", "--tls-key", "--grace-ms", "PORT"])
      expect(stdout).toContain(word);
  });

  const wrong: readonly [args: string[], env: Record<string, string>, said: string][] = [
    [["--nonsense"], {}, "--nonsense"],
    [["positional"], {}, "positional"],
    [["--port", "65536"], {}, '--port: expected a port from 0 to 65535 and found "65536"'],
    [["--echo-port", "1.5"], {}, "--echo-port"],
    [["--grace-ms", "soon"], {}, "--grace-ms"],
    [["--tls-key", pemPath("key")], {}, "Cannot use --tls-key: it needs --tls-cert"],
    [["--tls-cert", pemPath("cert")], {}, "Cannot use --tls-cert: it needs --tls-key"],
    [
      ["--tls-cert", pemPath("cert"), "--tls-key", "nowhere.pem"],
      {},
      'Cannot use --tls-key: cannot read "nowhere.pem" (ENOENT)',
    ],
    [[], { PORT: "http" }, 'Cannot use PORT: expected a port from 0 to 65535 and found "http"'],
  ];
  test("server.ts exits 2 with one clear line for flags that it cannot use", async () => {
    // Two at a time: a process that starts keeps a core busy.
    const ends: Ended[] = [];
    for (let i = 0; i < wrong.length; i += 2)
      ends.push(...(await Promise.all(wrong.slice(i, i + 2).map(([args, env]) => run(args, env)))));
    for (const [index, { code, stdout, stderr }] of ends.entries()) {
      expect([code, stdout, stderr.trimEnd().split("\n").length]).toEqual([2, "", 1]);
      expect(stderr).toContain(wrong[index]?.[2] ?? "");
      expect(stderr).toEndWith("(see --help)\n");
    }
  });

  test("server.ts exits 1 with one line when an address cannot be bound", async () => {
    const port = `${server.port}`;
    const ends = await Promise.all([
      run(["--port", port, "--echo-port", "0"]),
      run(["--port", "0", "--echo-port", port]),
      run(["--host", "203.0.113.1", "--port", "0"]),
    ]);
    for (const { code, stdout, stderr } of ends)
      expect([code, stdout, stderr.trimEnd().split("\n").length]).toEqual([1, "", 1]);
    expect(ends[0]?.stderr).toBe(`Cannot listen on 127.0.0.1:${port}: the address is in use\n`);
  });

  test("server.ts exits 1 with one line for a key of another certificate", async () => {
    const { code, stderr } = await run(["--port", "0", ...TLS_FLAGS("chain-key")]);
    expect([code, stderr]).toEqual([
      1,
      "Cannot listen on 127.0.0.1:0: the TLS key does not belong to the certificate\n",
    ]);
  });

  test("server.ts speaks HTTPS with --tls-cert and --tls-key, and drains at SIGTERM", async () => {
    await using secure = new ServerProcess(["--port", "0", "--echo-port", "0", ...TLS_FLAGS("key")]);
    const [, url = ""] = /^millrace ready: (https:\/\/127\.0\.0\.1:\d+) tcp echo /.exec(await secure.readyLine()) ?? [];
    const tls = { ca: pem("cert") };
    expect(await (await fetch(`${url}/`, { tls })).text()).toBe("Hello, World!");
    expect((await (await fetch(`${url}/bytes/${MiB}`, { tls })).bytes()).length).toBe(MiB);
    expect(await fetch(url.replace("https", "http")).catch(() => "refused")).toBe("refused");
    secure.kill("SIGTERM");
    expect(await secure.ended()).toMatchObject({ code: 0, stderr: "" });
  });

  test("server.ts takes HOST and PORT of the environment, and flags before them", async () => {
    await using byEnv = new ServerProcess(["--echo-port", "0"], { HOST: "127.0.0.2", PORT: "0" });
    await using byFlag = new ServerProcess(["--echo-port", "0", "--host", "127.0.0.3", "--port", "0"], {
      HOST: "127.0.0.2",
      PORT: "nonsense",
    });
    expect(await byEnv.readyLine()).toMatch(/^millrace ready: http:\/\/127\.0\.0\.2:\d+ tcp echo 127\.0\.0\.2:\d+$/);
    expect(await byFlag.readyLine()).toMatch(/^millrace ready: http:\/\/127\.0\.0\.3:\d+ /);
  });
});

describe("server.ts and signals", () => {
  for (const [signal, forced] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    test(`server.ts exits 0 at ${signal} when it is idle, whatever is connected`, async () => {
      await using own = await ServerProcess.ready();
      const client = await PlainClient.connect(own.port, GET("/"));
      await client.until("World!");
      own.kill(signal);
      await client.ended;
      expect(await own.ended()).toMatchObject({ code: 0, stderr: "" });
    });

    test(`server.ts answers what is in flight at ${signal} first, with Connection: close, and exits 0`, async () => {
      await using own = await ServerProcess.ready();
      const [slow, idle] = await Promise.all([
        PlainClient.connect(own.port, GET("/") + GET("/sleep/800") + GET("/")),
        PlainClient.connect(own.port, GET("/")),
      ]);
      await Promise.all([slow.until("World!"), idle.until("World!")]);
      own.kill(signal);
      // Idle connections are told at once, and nobody new gets in.
      await idle.ended;
      expect(slow.text).not.toContain("slept");
      expect(await PlainClient.connect(own.port).catch(() => "refused")).toBe("refused");
      await slow.ended;
      expect(slow.text).toMatch(/Connection: close\r\n\r\nslept 800 ms\n$/);
      expect(await own.ended()).toMatchObject({ code: 0, stderr: "" });
    });

    test(`server.ts cuts short at ${signal} what outlasts --grace-ms, and exits ${forced}`, async () => {
      await using own = await ServerProcess.ready(["--grace-ms", "100"]);
      const client = await PlainClient.connect(own.port, GET("/") + GET("/sleep/60000"));
      await client.until("World!");
      own.kill(signal);
      await client.ended;
      expect(client.text).not.toContain("slept");
      expect(await own.ended()).toMatchObject({ code: forced });
    });

    test(`server.ts exits ${forced} at once at a second ${signal}`, async () => {
      await using own = await ServerProcess.ready(["--grace-ms", "60000"]);
      const [slow, idle] = await Promise.all([
        PlainClient.connect(own.port, GET("/") + GET("/sleep/60000")),
        PlainClient.connect(own.port, GET("/")),
      ]);
      await Promise.all([slow.until("World!"), idle.until("World!")]);
      own.kill(signal);
      await idle.ended;
      own.kill(signal);
      expect(await own.ended()).toMatchObject({ code: forced });
    });
  }

  test("server.ts' GET /sleep/:ms stops when its client leaves: nothing holds up the exit", async () => {
    await using own = await ServerProcess.ready(["--grace-ms", "60000"]);
    const client = await PlainClient.connect(own.port, GET("/") + GET("/sleep/60000"));
    await client.until("World!");
    client.reset();
    own.kill("SIGTERM");
    expect(await own.ended()).toMatchObject({ code: 0, stderr: "" });
  });
});
