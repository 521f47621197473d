// The jobs and the arms of the bench: that all arms answer alike, that one which does not is refused, and that arms that write their own wire hold
// up under requests that come in pieces or many at once.

import { describe, expect, test } from "bun:test";

import {
  BROWSER_REQUEST,
  BROWSER_REQUEST_BYTES,
  getRequest,
  postRequest,
  ROTATING_REQUESTS,
} from "../../bench/load/shared/request.ts";
import { type Arm, armNamed, ARMS, armsNamed } from "../../bench/measure/arms.ts";
import { type Job, JOBS, jobsNamed } from "../../bench/measure/jobs.ts";
import { Server } from "../../bench/measure/processes.ts";
import { startServices } from "../../bench/measure/services.ts";
import { differenceOf, parseAnswer, verifyJobs } from "../../bench/measure/verify.ts";
import { GREETING, STREAM_PIECE_BYTES, STREAM_PIECES } from "../../bench/servers/shared/answers.ts";
import { portsOf } from "../../bench/servers/shared/flags.ts";
import { FIELD_SECTIONS_KEPT_MAX, TARGETS_KEPT_MAX } from "../../src/config.ts";

const jobNamed = (name: string): Job => jobsNamed([name])[0] as Job;

describe("the jobs", () => {
  test("name arms that exist, none twice, and set limits for their own arms only", () => {
    for (const { arms, atMost } of JOBS) {
      expect(arms.map((name) => armNamed(name).name)).toEqual([...arms]);
      expect(new Set(arms).size).toBe(arms.length);
      for (const name of Object.keys(atMost)) expect(arms.slice(1)).toContain(name);
    }
  });

  test("ask for all arms, each by whole requests", () => {
    expect(new Set(JOBS.flatMap(({ arms }) => arms))).toEqual(new Set(ARMS.map(({ name }) => name)));
    for (const { load, request, others } of JOBS) {
      expect(request !== "").toBe(load === "http");
      for (const text of load === "http" ? [request, ...others] : []) {
        const headEnd = text.indexOf("\r\n\r\n") + 4;
        const length = /\r\nContent-Length: (\d+)\r\n/.exec(text.slice(0, headEnd))?.[1] ?? "0";
        expect(text.length - headEnd).toBe(Number(length));
      }
    }
  });

  test("send heads and bodies of the sizes that they claim", () => {
    expect(BROWSER_REQUEST).toHaveLength(BROWSER_REQUEST_BYTES);
    expect(jobNamed("post1k").request.slice(-1024)).not.toContain("\r\n");
    expect(jobNamed("post1m").request.length).toBeGreaterThan(1024 * 1024);
    expect(STREAM_PIECES.length * STREAM_PIECE_BYTES).toBe(1024 * 1024);
    expect(new Set(STREAM_PIECES.map((piece) => piece.toString("latin1"))).size).toBe(STREAM_PIECES.length);
  });

  test("rotate more requests than a server keeps anything of, none with a path, a cookie or fields that another has", () => {
    const count = ROTATING_REQUESTS.length;
    expect(count).toBeGreaterThanOrEqual(2 * Math.max(TARGETS_KEPT_MAX, FIELD_SECTIONS_KEPT_MAX));
    for (const pattern of [/^GET ([^ ?]+)\?/, /\r\nCookie: (.*)\r\n/, /\r\n([^]*)$/]) {
      const values = ROTATING_REQUESTS.map((text) => pattern.exec(text)?.[1]);
      expect(values).not.toContain(undefined);
      expect(new Set(values).size).toBe(count);
    }
    expect(new Set(ROTATING_REQUESTS.map((text) => /\r\nUser-Agent: (.*)\r\n/.exec(text)?.[1])).size).toBe(16);
  });

  test("are known by name", () => {
    expect(jobsNamed([])).toBe(JOBS);
    expect(jobsNamed(["echo", "http"]).map(({ name }) => name)).toEqual(["http", "echo"]);
    expect(() => jobsNamed(["ftp"])).toThrow("none of ours");
  });
});

describe("the arms", () => {
  test(
    "answer alike in all jobs",
    async () => {
      await using services = await startServices(JOBS);
      await verifyJobs(JOBS, ARMS, services.flags);
    },
    { timeout: 30_000 },
  );

  test("are refused at a job that they answer otherwise, by the name of both", async () => {
    const unknown: Job = { ...jobNamed("http"), request: jobNamed("hono-json").request };
    await expect(verifyJobs([unknown], [])).rejects.toThrow(
      "Cannot compare the arm generator at http: its status line",
    );
    const greets: Job = { ...jobNamed("hono-json"), arms: ["hono", "elysia"] };
    await expect(verifyJobs([greets], [armNamed("elysia")])).rejects.toThrow(
      "Cannot compare the arm elysia at hono-json: its status line",
    );
    const plain: Job = { ...jobNamed("tls-echo"), arms: ["generator-tls", "raw"] };
    await expect(verifyJobs([plain], [armNamed("raw")])).rejects.toThrow(
      'Cannot compare the arm raw at tls-echo: its echo is ""',
    );
    // An arm that says of a text that it writes it like all others must do so to the letter.
    const strict: Arm = { ...armNamed("bun-serve"), ownWire: true };
    await expect(verifyJobs([{ ...jobNamed("json"), arms: ["generator", "bun-serve"] }], [strict])).rejects.toThrow(
      "Cannot compare the arm bun-serve at json: its head is",
    );
  });

  const exceptions = ARMS.flatMap((arm) => Object.keys(arm.exceptions).map((field) => [arm.name, field] as const));
  test.each(exceptions)("need their exceptions: %s at %s", async (name, field) => {
    const arm = armNamed(name);
    const { [field]: _dropped, ...others } = arm.exceptions;
    const jobs = JOBS.filter(({ arms, service }) => arms.includes(name) && service === null);
    await expect(verifyJobs(jobs, [{ ...arm, exceptions: others }])).rejects.toThrow(
      new RegExp(`^Cannot compare the arm ${name} at [\\w-]+: (?:its ${field} is|it has a field ${field} besides)`),
    );
  });

  test("would be caught if they did not answer alike", () => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const fields = "Cache-Control: private\r\nContent-Type: text/plain\r\nContent-Length: 1";
    const text = `HTTP/1.1 200 OK\r\nDate: ${date}\r\n${fields}\r\n\r\na`;
    const expected = parseAnswer(text);
    const moved = `HTTP/1.1 200 OK\r\n${fields}\r\nDate: ${date.replace("37", "38")}\r\n\r\na`;
    const otherwise = (from: string, to: string): string | null =>
      differenceOf(expected, parseAnswer(moved.replace(from, to)), false);
    expect(otherwise("", "")).toBeNull();
    expect(otherwise("Cache-Control", "cache-control")).toBeNull();
    expect(otherwise("\r\n\r\na", "\r\n\r\nb")).toContain("body");
    expect(otherwise("200 OK", "201 Created")).toContain("status");
    expect(otherwise("plain", "html")).toContain("content-type");
    expect(otherwise("Cache-Control: private\r\n", "")).toContain("cache-control");
    expect(otherwise("Cache-Control", "Server: x\r\nCache-Control")).toContain("a field server besides");
    expect(otherwise("Cache-Control", "Cache-Control: private\r\nCache-Control")).toContain("cache-control");
    expect(otherwise("06 Nov", "6 Nov")).toContain("date");
    expect(differenceOf(expected, parseAnswer(text.replace("37 GMT", "59 GMT")), true)).toBeNull();
    expect(differenceOf(expected, parseAnswer(text.replace("Date", "date")), true)).toContain("head");
    expect(differenceOf(expected, parseAnswer(moved), true)).toContain("head");
  });

  test("may have an exception for one value of a field, and no other", () => {
    const expected = parseAnswer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const exceptions = { connection: { value: "keep-alive", reason: "a test" } };
    const withField = (field: string): string | null =>
      differenceOf(
        expected,
        parseAnswer(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${field}\r\n\r\n`),
        false,
        exceptions,
      );
    expect(withField("Connection: keep-alive")).toBeNull();
    expect(withField("Connection: close")).toContain("connection");
    expect(withField("Keep-Alive: timeout=5")).toContain("keep-alive");
  });

  test("are compared in chunks by their content, however they cut it", () => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const expected = parseAnswer(`${head}3\r\nabc\r\n0\r\n\r\n`);
    expect(differenceOf(expected, parseAnswer(`${head}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`), true)).toBeNull();
    expect(differenceOf(expected, parseAnswer(`${head}3\r\nabd\r\n0\r\n\r\n`), true)).toContain("body");
  });

  test("are known by name, and by where they listen", () => {
    expect(armsNamed([])).toBe(ARMS);
    expect(armsNamed(["raw"]).map(({ name }) => name)).toEqual(["raw"]);
    expect(() => armsNamed(["nginx"])).toThrow("none of ours");
    const line = "ready: http 127.0.0.1:80 echo 127.0.0.1:0 line 127.0.0.1:7";
    expect(portsOf(line)).toEqual({ http: 80, echo: 0, line: 7 });
    expect(portsOf("listening")).toBeNull();
  });
});

/** Sends `parts`, each at the next turn of the loop, and gives what came when `whole` says that this was all, or the server has closed. */
async function exchange(port: number, parts: readonly string[], whole: (text: string) => boolean): Promise<string> {
  const over = Promise.withResolvers<void>();
  let text = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        text += chunk.toString("latin1");
        if (whole(text)) over.resolve();
      },
      close: () => over.resolve(),
    },
  });
  for (const part of parts) {
    expect(socket.write(part)).toBe(part.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over.promise;
  socket.terminate();
  return text;
}

describe("an arm that writes its own wire", () => {
  const wires = ARMS.filter(({ name, ownWire }) => ownWire && name !== "raw-bulk").map(({ name }) => name);
  const page = ROTATING_REQUESTS[0] as string;
  const requests = [getRequest("/"), postRequest("/echo", 100), page, postRequest("/echo", 3_000), getRequest("/")];
  const bodyOf = (request: string): string => request.slice(request.indexOf("\r\n\r\n") + 4);
  const pageBody = `the page ${/pages\/([^?]*)/.exec(page)?.[1]}\n`;
  const bodies = [GREETING, bodyOf(requests[1] as string), pageBody, bodyOf(requests[3] as string), GREETING];

  /** The bodies in `text`; fewer as long as the last one is not whole. */
  function bodiesIn(text: string): string[] {
    const found: string[] = [];
    for (let at = 0; ;) {
      const headEnd = text.indexOf("\r\n\r\n", at);
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(at, headEnd));
      if (headEnd === -1 || length === null) return found;
      const end = headEnd + 4 + Number(length[1]);
      if (text.length < end) return found;
      found.push(text.slice(headEnd + 4, end));
      at = end;
    }
  }

  test.each(wires)("%s answers requests that come at once, or cut anywhere, in their order", async (name) => {
    await using server = await Server.start(armNamed(name));
    const all = requests.join("");
    const whole = (text: string): boolean => bodiesIn(text).length === bodies.length;
    expect(bodiesIn(await exchange(server.httpPort, [all], whole))).toEqual(bodies);
    // Pieces of 37 bytes end in all parts of a head and of a body.
    const pieces = all.match(/[^]{1,37}/g) as string[];
    expect(bodiesIn(await exchange(server.httpPort, pieces, whole))).toEqual(bodies);
  });

  test.each(["raw", "raw-naive", "async-await", "generator"])(
    "%s ends a connection that breaks a rule",
    async (name) => {
      await using server = await Server.start(armNamed(name));
      const faulty = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
      const text = await exchange(server.httpPort, [getRequest("/") + faulty], (all) =>
        all.endsWith("\n400 Bad Request\n"),
      );
      expect(text).toContain(GREETING);
      expect(text).toContain("HTTP/1.1 400 Bad Request\r\n");
    },
  );
});
