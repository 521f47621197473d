// `files`: a folder of static files, in virtual time over files in memory. On the disk: files-bun.test.ts.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Steps } from "../../../src/core/operation.ts";
import { files as folder, type FilesOptions, mount, router, text } from "../../../src/http/index.ts";
import { request, responsesOf, SOON_MS } from "../support.ts";
import { NASTY_PATHS } from "./nasty-paths.ts";
import { type FileWorld, THEN, THEN_TEXT, withFiles } from "./support.ts";
import { sleep } from "../../../src/core/sleep.ts";

/** Everything outside of the folder says so; a client must never read this. */
const SECRET = "SECRET";

function layOut({ files }: FileWorld): void {
  files.put("/srv/site/index.html", "<home>", THEN);
  files.put("/srv/site/a.txt", "a", THEN);
  files.put("/srv/site/a b.txt", "a b", THEN);
  files.put("/srv/site/docs/index.html", "<docs>", THEN);
  files.put("/srv/site/docs/b.txt", "b", THEN);
  files.put("/srv/site/bare/c.txt", "c", THEN);
  files.put("/srv/site/.env", "dotted", THEN);
  files.put("/srv/site/.well-known/x.txt", "x", THEN);
  files.put("/srv/secret.txt", SECRET, THEN);
  files.put("/srv/site-secret/a.txt", SECRET, THEN);
  files.put("/etc/passwd", SECRET, THEN);
  files.link("/srv/site/out", "../secret.txt");
  files.link("/srv/site/out-folder", "/etc");
  files.link("/srv/site/in", "docs/b.txt");
}

/** Runs `body` over the laid out site. */
function onSite(options: FilesOptions, body: (world: FileWorld) => Steps<unknown>): Promise<void> {
  return withFiles(folder("/srv/site", options), function* (world) {
    layOut(world);
    yield* body(world);
  });
}

describe("files", () => {
  test("sends files by their paths, with types and validators", () =>
    onSite({}, function* ({ ask }) {
      const response = yield* ask("GET /docs/b.txt?v=1");
      expect(response.status).toBe(200);
      expect(response.body).toBe("b");
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(response.headers.get("last-modified")).toBe(THEN_TEXT);
      expect(response.headers.has("vary")).toBe(false);
      expect((yield* ask("GET /a%20b.txt")).body).toBe("a b");
      expect((yield* ask("GET /in")).body).toBe("b");
      expect((yield* ask("HEAD /a.txt")).headers.get("content-length")).toBe("1");
      expect((yield* ask("GET /a.txt", `If-Modified-Since: ${THEN_TEXT}`)).status).toBe(304);
      expect((yield* ask("GET /a%20b.txt", "Range: bytes=-1")).body).toBe("b");
    }));

  test("sends the index of a folder, and redirects to its slash", () =>
    onSite({}, function* ({ ask }) {
      expect((yield* ask("GET /")).body).toBe("<home>");
      expect((yield* ask("GET /docs/")).body).toBe("<docs>");
      expect((yield* ask("GET /docs/")).headers.get("content-type")).toBe("text/html; charset=utf-8");
      const redirect = yield* ask("GET /docs?a=b&c");
      expect(redirect.status).toBe(301);
      expect(redirect.headers.get("location")).toBe("/docs/?a=b&c");
      // A folder without an index looks like nothing.
      for (const path of ["/bare", "/bare/", "/none", "/none/", "/a.txt/"])
        expect((yield* ask(`GET ${path}`)).status).toBe(404);
    }));

  test("takes another index, or none", async () => {
    await onSite({ index: "c.txt" }, function* ({ ask }) {
      expect((yield* ask("GET /bare/")).body).toBe("c");
      expect((yield* ask("GET /docs/")).status).toBe(404);
    });
    await onSite({ index: false }, function* ({ ask }) {
      expect((yield* ask("GET /docs/b.txt")).body).toBe("b");
      for (const path of ["/", "/docs/", "/docs"]) expect((yield* ask(`GET ${path}`)).status).toBe(404);
    });
  });

  test.each(["/static", "/static/", "static"])("stands for the prefix %s", (prefix) =>
    onSite({ prefix }, function* ({ ask }) {
      expect((yield* ask("GET /static/a.txt")).body).toBe("a");
      expect((yield* ask("GET /static/")).body).toBe("<home>");
      expect((yield* ask("GET /static?q")).headers.get("location")).toBe("/static/?q");
      expect((yield* ask("GET /static/docs")).headers.get("location")).toBe("/static/docs/");
      for (const path of ["/a.txt", "/", "/statica.txt", "/staticdocs/b.txt"])
        expect((yield* ask(`GET ${path}`)).status).toBe(404);
    }),
  );

  test("answers other methods with 405, and OPTIONS with what is allowed", () =>
    onSite({}, function* ({ ask, files }) {
      const post = yield* ask("POST /a.txt", "Content-Length: 0");
      expect(post.status).toBe(405);
      expect(post.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
      const options = yield* ask("OPTIONS /a.txt");
      expect(options.status).toBe(204);
      expect(options.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
      expect(files.statistics.opened).toBe(0);
    }));

  test("hands to its fallback what is not there, and other methods", () =>
    onSite(
      {
        *fallback(request) {
          yield* sleep(1);
          return text(`fallback for ${request.method} ${request.path}`);
        },
      },
      function* ({ ask }) {
        expect((yield* ask("GET /a.txt")).body).toBe("a");
        expect((yield* ask("GET /none")).body).toBe("fallback for GET /none");
        expect((yield* ask("GET /../secret.txt")).body).toBe("fallback for GET /../secret.txt");
        expect((yield* ask("GET /out")).body).toBe("fallback for GET /out");
        expect((yield* ask("POST /a.txt", "Content-Length: 0")).body).toBe("fallback for POST /a.txt");
      },
    ));

  test("works behind a router", () =>
    withFiles(
      router([
        ["GET", "/api/time", () => text("now")],
        ["GET", "/**", folder("/srv/site")],
      ]),
      function* (world) {
        layOut(world);
        expect((yield* world.ask("GET /api/time")).body).toBe("now");
        expect((yield* world.ask("GET /docs/b.txt")).body).toBe("b");
        expect((yield* world.ask("HEAD /docs/b.txt")).status).toBe(200);
        expect((yield* world.ask("GET /%2e%2e/secret.txt")).status).toBe(404);
      },
    ));

  test("stands for the rest of the path below a mount", () =>
    withFiles(
      router([
        mount("/static", folder("/srv/site")),
        mount("/of/:tenant", folder("/srv/site", { prefix: "/files" })),
        mount("/deep", router([mount("/er", folder("/srv/site"))])),
      ]),
      function* (world) {
        layOut(world);
        const { ask } = world;
        const found: [path: string, body: string][] = [
          ["/static/a.txt", "a"],
          ["/static/", "<home>"],
          ["/static/docs/", "<docs>"],
          ["/of/me/files/docs/b.txt", "b"],
          ["/deep/er/a.txt", "a"],
        ];
        for (const [path, body] of found) expect((yield* ask(`GET ${path}`)).body).toBe(body);
        // Links in the index would lead beside the folder without the slash.
        const moved: [path: string, location: string][] = [
          ["/static?q", "/static/?q"],
          ["/static/docs", "/static/docs/"],
          ["/of/me/files", "/of/me/files/"],
          ["/deep/er", "/deep/er/"],
        ];
        for (const [path, location] of moved)
          expect((yield* ask(`GET ${path}`)).headers.get("location")).toBe(location);
        for (const path of [
          "/static/../secret.txt",
          "/static/%2e%2e/secret.txt",
          "/static//a.txt",
          "/of/me",
          "/of//files",
        ])
          expect((yield* ask(`GET ${path}`)).status).toBe(404);
      },
    ));

  test("keeps names with a dot to itself unless it is told otherwise", async () => {
    const dotted = ["/.env", "/%2eenv", "/.well-known/x.txt"];
    await onSite({}, function* ({ ask }) {
      for (const path of dotted) expect((yield* ask(`GET ${path}`)).status).toBe(404);
    });
    await onSite({ dotfiles: true }, function* ({ ask }) {
      for (const path of dotted) expect((yield* ask(`GET ${path}`)).status).toBe(200);
      expect((yield* ask("GET /../secret.txt")).status).toBe(404);
    });
  });

  test("takes Cache-Control as text or by path, and headers for every file", async () => {
    await onSite({ cacheControl: "max-age=5", headers: { "x-own": "1" } }, function* ({ ask }) {
      const { headers } = yield* ask("GET /a.txt");
      expect(headers.get("cache-control")).toBe("max-age=5");
      expect(headers.get("x-own")).toBe("1");
      expect((yield* ask("GET /none")).headers.has("cache-control")).toBe(false);
    });
    const cacheControl = (path: string): string | undefined => (path.startsWith("docs/") ? `for ${path}` : undefined);
    await onSite({ cacheControl, etag: false }, function* ({ ask }) {
      expect((yield* ask("GET /docs/")).headers.get("cache-control")).toBe("for docs/index.html");
      const { headers } = yield* ask("GET /a.txt");
      expect(headers.has("cache-control")).toBe(false);
      expect(headers.has("etag")).toBe(false);
    });
  });

  test("leaves no file open when its hooks throw", async () => {
    const cacheControl = (): string => {
      throw new Error("a hook");
    };
    await onSite({ cacheControl }, function* ({ ask, world }) {
      expect((yield* ask("GET /a.txt")).status).toBe(500);
      expect(world.errors).toHaveLength(1);
    });
  });
});

describe("files with precompressed siblings", () => {
  function compressed(body: (world: FileWorld) => Steps<unknown>, options: FilesOptions = {}): Promise<void> {
    return onSite({ precompressed: true, ...options }, function* (world) {
      const { files } = world;
      files.put("/srv/site/app.js", "plain", THEN);
      for (const ending of ["br", "gz", "zst"]) files.put(`/srv/site/app.js.${ending}`, `in ${ending}`, THEN);
      files.put("/srv/site/one.css", "plain", THEN);
      files.put("/srv/site/one.css.gz", "in gz", THEN + 5_000);
      yield* body(world);
    });
  }

  test.each([
    ["br", "in br", "br"],
    ["gzip", "in gz", "gzip"],
    ["zstd", "in zst", "zstd"],
    ["gzip, deflate, br, zstd", "in br", "br"],
    ["gzip, zstd", "in zst", "zstd"],
    ["gzip;q=1, br;q=0.5", "in gz", "gzip"],
    ["*", "in br", "br"],
    ["*, br;q=0", "in zst", "zstd"],
    ["GZIP", "in gz", "gzip"],
    ["identity, gzip;q=0.5", "plain", undefined],
    ["deflate", "plain", undefined],
    ["br;q=0", "plain", undefined],
    ["", "plain", undefined],
    ["identity;q=0", "plain", undefined],
    ["identity;q=0, gzip", "in gz", "gzip"],
  ])("chooses for Accept-Encoding %j", (accept, body, coding) =>
    compressed(function* ({ ask }) {
      const response = yield* ask("GET /app.js", `Accept-Encoding: ${accept}`);
      expect(response.body).toBe(body);
      expect(response.headers.get("content-encoding")).toBe(coding as string);
      expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
      expect(response.headers.get("vary")).toBe("Accept-Encoding");
    }),
  );

  test("sends the original to who says nothing, and where there is no sibling", () =>
    compressed(function* ({ ask }) {
      const silent = yield* ask("GET /app.js");
      expect(silent.body).toBe("plain");
      expect(silent.headers.get("vary")).toBe("Accept-Encoding");
      expect((yield* ask("GET /a.txt", "Accept-Encoding: br")).body).toBe("a");
      expect((yield* ask("GET /one.css", "Accept-Encoding: br, gzip;q=0.1")).body).toBe("in gz");
    }));

  test("keeps its Vary beside one of the program", () =>
    compressed(
      function* ({ ask }) {
        const { headers } = yield* ask("GET /app.js", "Accept-Encoding: br");
        expect(headers.get("vary")).toBe("Accept-Encoding, Origin");
        expect(headers.get("x-own")).toBe("1");
      },
      { headers: { vary: "Origin", "x-own": "1" } },
    ));

  test.each(["accept-encoding", "Origin, Accept-Encoding", "*"])("adds nothing to a Vary of %j", (vary) =>
    compressed(
      function* ({ ask }) {
        expect((yield* ask("GET /app.js", "Accept-Encoding: br")).headers.get("vary")).toBe(vary);
      },
      { headers: { vary } },
    ),
  );

  test("has a tag for each coding, and conditions and ranges within it", () =>
    compressed(function* ({ ask }) {
      const tags = new Set<string>();
      for (const accept of ["br", "gzip", "zstd", "identity"]) {
        const { headers } = yield* ask("GET /app.js", `Accept-Encoding: ${accept}`);
        tags.add(headers.get("etag") as string);
      }
      expect(tags.size).toBe(4);
      const { headers } = yield* ask("HEAD /app.js", "Accept-Encoding: br");
      const again = yield* ask("GET /app.js", "Accept-Encoding: br", `If-None-Match: ${headers.get("etag")}`);
      expect(again.status).toBe(304);
      expect(again.headers.get("vary")).toBe("Accept-Encoding");
      expect(again.headers.has("content-encoding")).toBe(false);
      expect((yield* ask("GET /app.js", "Accept-Encoding: gzip", `If-None-Match: ${headers.get("etag")}`)).status).toBe(
        200,
      );
      const part = yield* ask("GET /app.js", "Accept-Encoding: br", "Range: bytes=3-");
      expect(part.status).toBe(206);
      expect(part.body).toBe("br");
      expect(part.headers.get("content-encoding")).toBe("br");
      // A coding is of the whole body, and a body of several parts is in none: clients would unpack its boundaries.
      const whole = yield* ask("GET /app.js", "Accept-Encoding: br", "Range: bytes=0-0,3-3");
      expect([whole.status, whole.body]).toEqual([200, "in br"]);
      expect((yield* ask("GET /app.js", "Range: bytes=0-0,3-3")).status).toBe(206);
    }));

  test("passes over a sibling that is older than its original, or leads out of the folder", () =>
    compressed(function* ({ ask, files }) {
      files.put("/srv/site/new.js", "new", THEN + 1_000);
      files.put("/srv/site/new.js.br", "old in br", THEN);
      files.put("/srv/site/new.js.gz", "new in gz", THEN + 1_000);
      files.link("/srv/site/a.txt.br", "../secret.txt");
      expect((yield* ask("GET /new.js", "Accept-Encoding: br, gzip")).body).toBe("new in gz");
      expect((yield* ask("GET /new.js", "Accept-Encoding: br")).body).toBe("new");
      expect((yield* ask("GET /a.txt", "Accept-Encoding: br")).body).toBe("a");
    }));

  test("closes what it opened when one of them cannot be opened", () =>
    compressed(function* ({ ask, files }) {
      files.fail("/srv/site/app.js.br", "open", "EACCES");
      expect((yield* ask("GET /app.js", "Accept-Encoding: br")).status).toBe(500);
      expect(files.statistics.open).toBe(0);
    }));
});

describe("files lets no path out of its folder:", () => {
  test.each([...NASTY_PATHS])("%j is not found", (path) =>
    onSite({ dotfiles: true, precompressed: true }, function* ({ world, ask }) {
      for (const sent of [path, `/docs${path}`]) {
        const response = yield* ask(`GET ${sent}`);
        // What is no target at all is refused before any handler.
        expect([400, 404]).toContain(response.status);
        expect(response.body).not.toContain(SECRET);
      }
      expect(world.errors).toEqual([]);
    }),
  );

  test("links that lead out are not found", () =>
    onSite({ dotfiles: true }, function* ({ ask }) {
      for (const path of ["/out", "/out-folder/passwd", "/out/", "/out-folder", "/out-folder/"]) {
        expect((yield* ask(`GET ${path}`)).status).toBe(404);
      }
    }));

  test("what is made of any bits of paths finds only what lies in it", async () => {
    const bit = fc.constantFrom(
      "..",
      ".",
      "/",
      "%2e",
      "%2E",
      "%2f",
      "%5c",
      "\\",
      "%00",
      "%25",
      "a.txt",
      "docs",
      "b.txt",
      "secret.txt",
      "out",
      "out-folder",
      "passwd",
      "in",
      "etc",
      "site",
      ":",
      "%20",
      "?",
      ";",
    );
    const paths = fc
      .sample(fc.array(bit, { minLength: 1, maxLength: 10 }), { numRuns: 600, seed: 11 })
      .map((bits) => `/${bits.join("")}`);
    await onSite({ dotfiles: true }, function* ({ world }) {
      const statuses = new Set<number>();
      for (const path of paths) {
        const peer = world.connect(request(`GET ${path}`));
        yield* sleep(SOON_MS);
        expect(peer.text, path).not.toContain(SECRET);
        const [response] = responsesOf(peer).final;
        statuses.add(response?.status ?? 0);
        peer.reset();
      }
      // The paths are worth something: some find files.
      expect(statuses).toContain(200);
      expect(statuses).toContain(404);
      expect([...statuses].filter((status) => ![200, 301, 400, 404].includes(status))).toEqual([]);
      expect(world.errors).toEqual([]);
    });
  });

  test("no redirect leads to another server", () =>
    withFiles(folder("/srv/site"), function* (world) {
      const { ask, files } = world;
      files.put("/srv/site/evil.example/index.html", "x", THEN);
      expect((yield* ask("GET /evil.example")).headers.get("location")).toBe("/evil.example/");
      for (const path of [
        "//evil.example",
        "/\\evil.example",
        "/%2fevil.example",
        "/%5cevil.example",
        "///evil.example",
      ]) {
        expect((yield* ask(`GET ${path}`)).headers.has("location")).toBe(false);
      }
    }));
});
