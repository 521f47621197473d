// `file` and `files` on the disk, through real sockets: what a simulation cannot show.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { FILE_BLOCK_BYTES } from "../../../src/config.ts";
import type { Task } from "../../../src/core/task.ts";
import { file, files, type HttpHandler, serveHttp } from "../../../src/http/index.ts";
import { run } from "../../../src/index.ts";
import { listen } from "../../../src/net/listen.ts";
import { NASTY_PATHS } from "./nasty-paths.ts";

const SECRET = "SECRET";
const THEN_S = Date.UTC(2025, 5, 1) / 1000;
/** Of all that lies in the folder, by path; nothing else may ever be answered. */
const CONTENTS: Readonly<Record<string, string>> = {
  "index.html": "<home>",
  "a.txt": "content of a",
  "docs/index.html": "<docs>",
  "docs/b.txt": "content of b",
  ".env": "dotted",
};
const LONG_BYTES = 20 * FILE_BLOCK_BYTES + 17;
const LONG = Buffer.alloc(LONG_BYTES, "0123456789abcdef\n");

let around: string;
let site: string;
let port = 0;
let server: Task<unknown>;

const handler: HttpHandler = (request) =>
  request.path.startsWith("/one") ? file(request, join(around, "one")) : all(request);
let all: HttpHandler;

beforeAll(async () => {
  around = realpathSync(mkdtempSync(join(tmpdir(), "millrace-files-")));
  site = join(around, "site");
  mkdirSync(join(site, "docs"), { recursive: true });
  mkdirSync(join(around, "site-secret"));
  for (const [path, content] of Object.entries(CONTENTS)) put(join("site", path), content);
  put("secret.txt", SECRET);
  put("site-secret/a.txt", SECRET);
  symlinkSync("../secret.txt", join(site, "out"));
  symlinkSync("..", join(site, "out-folder"));
  symlinkSync("/etc", join(site, "out-etc"));
  symlinkSync("docs", join(site, "in"));
  all = files(site, { dotfiles: true, precompressed: true });
  const { promise, resolve } = Promise.withResolvers<number>();
  server = run(function* () {
    const listener = yield* listen({ port: 0 });
    resolve(listener.port);
    yield* serveHttp(listener, handler, { onError() {} });
  });
  port = await promise;
});

afterAll(async () => {
  server.cancel();
  await server.promise.catch(() => {});
  expect(openFiles()).toBe(0);
  rmSync(around, { recursive: true });
});

function put(path: string, content: string | Uint8Array): void {
  const at = join(around, path);
  writeFileSync(`${at}.fresh`, content);
  utimesSync(`${at}.fresh`, THEN_S, THEN_S);
  renameSync(`${at}.fresh`, at);
}

function openFiles(): number {
  const open = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return open.filter((path) => path.startsWith(around)).length;
}

const url = (path: string): string => `http://127.0.0.1:${port}${path}`;
const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url(path), { headers: { "accept-encoding": "identity", ...headers }, redirect: "manual" });

/** Asks for `path` exactly as it is, which `fetch` would not do, and gives all that comes until the end. */
async function raw(path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
      data: (_socket, chunk) => void chunks.push(new Uint8Array(chunk)),
      close: () => resolve(),
      connectError: (_socket, error) => reject(error),
    },
  });
  await promise;
  return Buffer.concat(chunks).toString("latin1");
}

describe("file on Bun", () => {
  test("answers fetch with the file, its parts, and 304", async () => {
    put("one", LONG);
    const whole = await get("/one");
    expect(whole.headers.get("content-length")).toBe(String(LONG_BYTES));
    expect(Buffer.from(await whole.bytes()).equals(LONG)).toBe(true);
    const etag = whole.headers.get("etag") ?? "";
    expect(etag).toStartWith('"');
    expect((await get("/one", { "if-none-match": etag })).status).toBe(304);
    const modified = whole.headers.get("last-modified") ?? "";
    expect((await get("/one", { "if-modified-since": modified })).status).toBe(304);
    const from = 3 * FILE_BLOCK_BYTES - 5;
    const part = await get("/one", { range: `bytes=${from}-`, "if-range": etag });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.bytes()).equals(LONG.subarray(from))).toBe(true);
    const parts = await (await get("/one", { range: "bytes=0-3,100-103" })).text();
    expect(parts).toContain(`Content-Range: bytes 0-3/${LONG_BYTES}\r\n\r\n${LONG.subarray(0, 4)}\r\n`);
    expect(parts).toContain(`Content-Range: bytes 100-103/${LONG_BYTES}\r\n\r\n${LONG.subarray(100, 104)}\r\n`);
    expect((await get("/one", { range: `bytes=${LONG_BYTES}-` })).status).toBe(416);
    const head = await fetch(url("/one"), { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(LONG_BYTES));
    expect(await head.text()).toBe("");
  });

  test("sends one version whole to each of many clients, while the file is replaced again and again", async () => {
    const version = (n: number): Uint8Array => new Uint8Array(6 * FILE_BLOCK_BYTES + n).fill(0x61 + (n % 26));
    put("one", version(0));
    const state = { replacing: true };
    const replace = async (): Promise<void> => {
      for (let n = 1; state.replacing; n++) {
        put("one", version(n));
        await Bun.sleep(0);
      }
    };
    const ask = async (): Promise<void> => {
      for (let i = 0; i < 8; i++) {
        const body = await (await get("/one")).bytes();
        const n = body.length - 6 * FILE_BLOCK_BYTES;
        expect(Buffer.from(body).equals(version(n))).toBe(true);
      }
    };
    const replaced = replace();
    await Promise.all(Array.from({ length: 8 }, ask));
    state.replacing = false;
    await replaced;
  });

  test("sends parts from behind 4 GiB", async () => {
    const path = join(around, "one");
    const size = 5 * 2 ** 30;
    writeFileSync(path, "");
    truncateSync(path, size);
    appendFileSync(path, "the tail");
    const part = await get("/one", { range: "bytes=-10" });
    expect(part.headers.get("content-range")).toBe(`bytes ${size - 2}-${size + 7}/${size + 8}`);
    expect(await part.text()).toBe("\0\0the tail");
    put("one", "small again");
  });

  test("closes the file when the client goes in the middle of it", async () => {
    put("one", new Uint8Array(64 * 1024 * 1024));
    const { promise, resolve } = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write("GET /one HTTP/1.1\r\nHost: a\r\n\r\n"),
        data(socket) {
          expect(openFiles()).toBe(1);
          socket.terminate();
        },
        close: () => resolve(),
      },
    });
    await promise;
    // The reset has to arrive; requests behind it on other sockets are as good as time.
    for (let i = 0; i < 200 && openFiles() > 0; i++) await (await get("/a.txt")).text();
    expect(openFiles()).toBe(0);
  });
});

describe("files on Bun", () => {
  test("sends what lies in the folder", async () => {
    for (const [path, content] of Object.entries(CONTENTS)) expect(await (await get(`/${path}`)).text()).toBe(content);
    expect(await (await get("/in/b.txt")).text()).toBe("content of b");
    const redirect = await get("/docs");
    expect(redirect.status).toBe(301);
    expect(redirect.headers.get("location")).toBe("/docs/");
    expect(await (await get("/docs/")).text()).toBe("<docs>");
  });

  test("sends a compressed sibling that fetch unpacks", async () => {
    put("site/big.txt", "plain ".repeat(100));
    put("site/big.txt.gz", Bun.gzipSync(Buffer.from("packed ".repeat(100))));
    put("site/big.txt.zst", Bun.zstdCompressSync(Buffer.from("dense ".repeat(100))));
    for (const [accept, word] of [
      ["gzip", "packed "],
      ["zstd, gzip", "dense "],
      ["identity", "plain "],
    ] as const) {
      const answer = await get("/big.txt", { "accept-encoding": accept });
      expect(await answer.text()).toBe(word.repeat(100));
      expect(answer.headers.get("vary")).toBe("Accept-Encoding");
    }
    for (const ending of ["", ".gz", ".zst"]) rmSync(join(site, `big.txt${ending}`));
  });

  test.each([
    ...NASTY_PATHS,
    "/out",
    "/out-folder/secret.txt",
    "/out-folder/site-secret/a.txt",
    "/out-etc/passwd",
    "/out-etc",
    "/site-secret/a.txt",
  ])("lets no path out of its folder: %j", async (path) => {
    const answer = await raw(path);
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(answer).not.toContain(SECRET);
    expect(answer).not.toContain("root:");
  });

  test("lets no path out of its folder that is made of any bits of paths", async () => {
    const bit = fc.constantFrom(
      "..",
      ".",
      "/",
      "%2e",
      "%2f",
      "%5c",
      "\\",
      "%00",
      "%25",
      "%c0%ae",
      "a.txt",
      "docs",
      "b.txt",
      "secret.txt",
      "site-secret",
      "out",
      "out-folder",
      "out-etc",
      "passwd",
      "in",
      "site",
      ":",
      "%20",
    );
    const path = fc.array(bit, { minLength: 1, maxLength: 9 }).map((bits) => `/${bits.join("")}`);
    const known = new Set(Object.values(CONTENTS));
    let found = 0;
    await fc.assert(
      fc.asyncProperty(path, async (path) => {
        const answer = await raw(path);
        const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
        expect(head).toMatch(/^HTTP\/1\.1 (?:200|301|400|404) /);
        if (!head.startsWith("HTTP/1.1 200")) return;
        found++;
        expect(known).toContain(body);
      }),
      { numRuns: 1_000 },
    );
    expect(found).toBeGreaterThan(0);
  });

  test("lets nobody out of its folder who exchanges a folder for a link all the time", async () => {
    put("site/flip-file", "inside");
    mkdirSync(join(around, "outside"));
    mkdirSync(join(site, "real"));
    put("outside/f.txt", SECRET);
    put("site/real/f.txt", "inside");
    symlinkSync("real", join(site, "flip"));
    const state = { flipping: true };
    const flip = async (): Promise<void> => {
      for (let n = 0; state.flipping; n++) {
        symlinkSync(n % 2 === 0 ? "../outside" : "real", join(around, "flip.fresh"));
        renameSync(join(around, "flip.fresh"), join(site, "flip"));
        await Bun.sleep(0);
      }
    };
    const flipped = flip();
    const bodies = new Set<string>();
    for (let i = 0; i < 500; i++) bodies.add(await (await get("/flip/f.txt")).text());
    state.flipping = false;
    await flipped;
    expect([...bodies].toSorted()).toEqual(["Not Found\n", "inside"]);
  });
});
