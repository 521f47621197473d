// curl, the client of the command line: HTTP/1.0 and 1.1, reuse, Expect, uploads from a file and a pipe.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { LINE, patternBytes } from "./pattern.ts";
import { NOTHING_WRONG, PATIENCE_MS, printed, runCommand, Scratch, sha256, Target } from "./support.ts";

const MB = 1_000_000;
const MiB = 1024 * 1024;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

/** What curl prints, with the settings of nobody's home. */
const curl = (...args: readonly string[]): Promise<string> => printed("curl", ["-q", "-sS", ...args]);

/** An answer as curl shows it with `-i`. */
interface Shown {
  readonly status: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function shown(output: string): Shown {
  const end = output.indexOf("\r\n\r\n");
  const [status = "", ...lines] = output.slice(0, end).split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]+): (.*)$/.exec(line) ?? [];
    headers[name.toLowerCase()] = value;
  }
  return { status, headers, body: output.slice(end + 4) };
}

/** All lines but the last, and the last. */
function splitLast(output: string): [rest: string, last: string] {
  const at = output.lastIndexOf("\n");
  return [output.slice(0, at), output.slice(at + 1)];
}

describe("curl --http1.0", () => {
  test("curl --http1.0 gets an answer that ends with the connection", async () => {
    const { status, headers, body } = shown(await curl("--http1.0", "-i", target.url("/")));
    expect([status, headers["connection"], headers["content-length"], body]).toEqual([
      "HTTP/1.1 200 OK",
      "close",
      "13",
      "Hello, World!",
    ]);
  });

  test("curl --http1.0 keeps a connection when it asks for that, and only then", async () => {
    const args = ["--http1.0", "-w", "[%{num_connects}]", ...[1, 2, 3].map((i) => target.url(`/name/${i}`))];
    expect(await curl(...args)).toBe("1[1]2[1]3[1]");
    expect(await curl("-H", "Connection: keep-alive", ...args)).toBe("1[1]2[0]3[0]");
  });

  test("curl --http1.0 gets a body of unknown length without chunks", async () => {
    const args = ["--http1.0", "-i", "-H", "Connection: keep-alive", target.url(`/stream/${MB}`)];
    const { headers, body } = shown(await curl(...args));
    expect([headers["transfer-encoding"], headers["content-length"], headers["connection"]]).toEqual([
      undefined,
      undefined,
      "close",
    ]);
    expect(sha256(Buffer.from(body, "latin1"))).toBe(sha256(patternBytes(0, MB)));
  });
});

describe("curl --http1.1", () => {
  test("curl sends requests of all kinds on one connection", async () => {
    const asked: readonly [path: string, ...args: string[]][] = [
      ["/"],
      ["/json"],
      ["/stream/70000"],
      ["/empty"],
      ["/nothing"],
      ["/bytes/1000", "-I"],
      ["/echo", "-d", "a form"],
      ["/unread", "-d", "nobody reads this"],
      ["/json", "-X", "DELETE"],
      ["/name/last"],
    ];
    const format = "%{http_code} %{size_download} %{num_connects}\n";
    const args: string[] = [];
    for (const [path, ...more] of asked) {
      // It begins another request with options of its own.
      if (args.length > 0) args.push("--next", "-sS");
      args.push("--http1.1", "-o", "/dev/null", "-w", format, ...more, target.url(path));
    }
    expect((await curl(...args)).trimEnd().split("\n")).toEqual([
      "200 13 1",
      "200 27 0",
      "200 70000 0",
      "204 0 0",
      "404 10 0",
      "200 0 0",
      "200 6 0",
      "200 8 0",
      "405 19 0",
      "200 4 0",
    ]);
  });

  test("curl --parallel gets twenty answers at once, each to its own question", async () => {
    using scratch = new Scratch();
    const args = Array.from({ length: 20 }, (_, i) => ["-o", scratch.file(`${i}`), target.url(`/name/name-${i}`)]);
    await curl("--parallel", "--parallel-immediate", ...args.flat());
    for (let i = 0; i < 20; i++) expect(await Bun.file(scratch.file(`${i}`)).text()).toBe(`name-${i}`);
  });

  test("curl -I is told the length and gets no body", async () => {
    const { status, headers, body } = shown(await curl("-I", target.url(`/bytes/${MB}`)));
    expect([status, headers["content-length"], body]).toEqual(["HTTP/1.1 200 OK", `${MB}`, ""]);
  });

  test("curl asks about the server as a whole with OPTIONS *", async () => {
    const args = ["-i", "-X", "OPTIONS", "--request-target", "*", target.origin];
    const { status, headers, body } = shown(await curl(...args));
    expect([status, headers["allow"], body]).toEqual(["HTTP/1.1 204 No Content", "GET, HEAD, POST, PUT, OPTIONS", ""]);
  });

  test("curl's header fields and target arrive as it sent them", async () => {
    const args = ["-H", "X-Empty;", "-H", "X-Text: a, b", "-H", "User-Agent:", target.url("/headers?a=%20b&c")];
    const { method, target: asked, headers } = JSON.parse(await curl(...args)) as Record<string, unknown>;
    expect([method, asked]).toEqual(["GET", "/headers?a=%20b&c"]);
    const sent = (headers as [string, string][]).map(([name, value]) => `${name.toLowerCase()}: ${value}`);
    expect(sent.sort()).toEqual(["accept: */*", `host: 127.0.0.1:${target.port}`, "x-empty: ", "x-text: a, b"]);
  });

  for (const path of [`/bytes/${10 * MB}`, `/stream/${10 * MB}`]) {
    test(`curl downloads ${path} byte for byte`, async () => {
      const { code, stdout } = await runCommand("curl", ["-q", "-sS", target.url(path)]);
      expect([code, stdout.length, sha256(stdout)]).toEqual([0, 10 * MB, sha256(patternBytes(0, 10 * MB))]);
    });
  }

  test("curl that is killed in the middle leaves no handler behind", async () => {
    const { begun, cancelled } = await target.statistics();
    // It prints more than is kept of a program, and is killed for that.
    const { code } = await runCommand("curl", ["-q", "-sS", target.url("/endless")]);
    expect(code).toBe(137);
    await target.counted(begun + 1, cancelled + 1);
  });
});

describe("curl and replies of their own kind", () => {
  for (const path of ["/text/10000", "/text/10000?stream"]) {
    test(`curl --compressed gets ${path} compressed, and the same text as without`, async () => {
      const format = "\n%header{content-encoding} %header{vary} %{size_download}";
      const [body = "", last = ""] = splitLast(await curl("--compressed", "-w", format, target.url(path)));
      expect(body).toBe(LINE.repeat(10_000));
      const [coding = "", vary, size] = last.split(" ");
      expect(["zstd", "br", "gzip"]).toContain(coding);
      expect([vary?.toLowerCase(), Number(size) < 100_000]).toEqual(["accept-encoding", true]);
      expect(await curl(target.url(path))).toBe(LINE.repeat(10_000));
    });
  }

  for (const coding of ["gzip", "br", "zstd"]) {
    test(`curl gets ${coding} when it takes nothing else`, async () => {
      const args = ["-H", `Accept-Encoding: ${coding}`, "-w", "%header{content-encoding}", "-o", "/dev/null"];
      expect(await curl(...args, target.url("/text/10000"), "-o", "/dev/null", target.url("/text/10000?stream"))).toBe(
        coding + coding,
      );
    });
  }

  test("curl -L follows redirects on the same connection, with the method that each status asks for", async () => {
    const format = "[%{http_code} %{num_redirects} %{num_connects}]";
    const follow = (...args: string[]): Promise<string> => curl("-L", "-w", format, ...args);
    for (const status of [301, 302, 303, 307, 308])
      expect(await follow(target.url(`/redirect/${status}`))).toBe("here[200 1 1]");
    for (const status of [301, 302, 303])
      expect(await follow("-d", "form", target.url(`/redirect/${status}`))).toStartWith('{"method":"GET"');
    for (const status of [307, 308])
      expect(await follow("-d", "form", target.url(`/moved/${status}`))).toStartWith('{"bytes":4,');
  });

  test("curl -N gets each event of a stream", async () => {
    const { headers, body } = shown(await curl("-N", "-i", target.url("/events")));
    expect([headers["content-type"], headers["cache-control"]]).toEqual(["text/event-stream", "no-cache"]);
    expect(body).toBe("data: one\n\ndata: two\n\ndata: three\n\n");
  });
});

describe("curl that uploads", () => {
  const bytes = patternBytes(0, 2 * MiB);
  const digest = { bytes: 2 * MiB, sha256: sha256(bytes) };

  /** Runs curl in a folder that has `body` with 2 MiB in it, and gives what it said on its connection and what it got. */
  async function upload(path: string, ...args: string[]): Promise<{ said: string; got: string }> {
    using scratch = new Scratch();
    await Bun.write(scratch.file("body"), bytes);
    const filled = args.map((arg) => arg.replace("BODY", scratch.file("body")));
    const { code, stdout, stderr } = await runCommand("curl", ["-q", "-v", "-sS", ...filled, target.url(path)]);
    if (code !== 0) throw new Error(`curl ended with code ${code}: ${stderr}`);
    return { said: stderr, got: stdout.toString() };
  }

  test("curl waits for the 100 before it sends 2 MiB, and gets it", async () => {
    const { said, got } = await upload(
      "/digest",
      "--expect100-timeout",
      "30",
      "-H",
      "Expect: 100-continue",
      "-T",
      "BODY",
    );
    expect(JSON.parse(got)).toEqual({
      ...digest,
      contentLength: `${2 * MiB}`,
      transferEncoding: null,
      expect: "100-continue",
    });
    expect(said).toContain("< HTTP/1.1 100 Continue");
  });

  test("curl that waits for a 100 gets the answer in its place when nobody wants the body", async () => {
    const args = ["--expect100-timeout", "30", "-H", "Expect: 100-continue", "--data-binary", "@BODY"];
    const { said, got } = await upload("/unread", ...args);
    expect(got).toBe("not read");
    expect(said).not.toContain("100 Continue");
    expect(said).toContain("< Connection: close");
  });

  test("curl gets the answer to an upload that the handler does not read", async () => {
    for (const coding of ["Content-Type: x/y", "Transfer-Encoding: chunked"]) {
      const { got } = await upload("/unread", "-H", "Expect:", "-H", coding, "--data-binary", "@BODY");
      expect(got).toBe("not read");
    }
  });

  test("curl -T - uploads from a pipe in chunks, over HTTP/1.1 and behind a 100", async () => {
    for (const expected of [null, "100-continue"]) {
      const args = ["-H", expected === null ? "Expect:" : `Expect: ${expected}`, "--expect100-timeout", "30"];
      const { code, stdout, stderr } = await runCommand(
        "curl",
        ["-q", "-sS", ...args, "-T", "-", target.url("/digest")],
        bytes,
      );
      expect([code, stderr]).toEqual([0, ""]);
      expect(JSON.parse(stdout.toString())).toEqual({
        ...digest,
        contentLength: null,
        transferEncoding: "chunked",
        expect: expected,
      });
    }
  });

  test("curl --http1.0 uploads with a length", async () => {
    const { got } = await upload("/digest", "--http1.0", "-T", "BODY");
    expect(JSON.parse(got)).toEqual({
      ...digest,
      contentLength: `${2 * MiB}`,
      transferEncoding: null,
      expect: null,
    });
  });

  test("curl gets its upload back while it sends it", async () => {
    using scratch = new Scratch();
    const file = scratch.file("body");
    await Bun.write(file, patternBytes(0, 10 * MB));
    const { code, stdout } = await runCommand("curl", ["-q", "-sS", "--data-binary", `@${file}`, target.url("/echo")]);
    expect([code, sha256(stdout)]).toEqual([0, sha256(patternBytes(0, 10 * MB))]);
  });
});
