// The static site: what a browser gets of it, what a cache is told, and what nobody gets.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RawClient } from "../subprocess.ts";
import { Example, scratch } from "./support.ts";

const SITE = join(import.meta.dir, "../../examples/static-site");
const fileOf = (name: string): string => readFileSync(join(SITE, name), "utf8");

describe("examples/static-site.ts", () => {
  test.each([
    ["/", "index.html", "text/html; charset=utf-8", "no-cache"],
    ["/index.html", "index.html", "text/html; charset=utf-8", "no-cache"],
    ["/style.css", "style.css", "text/css; charset=utf-8", "max-age=3600"],
    ["/wheel.svg", "wheel.svg", "image/svg+xml", "max-age=3600"],
  ])("%s is %s", async (path, name, type, caching) => {
    await using example = await Example.start("static-site");
    const response = await example.fetch(path);
    expect([response.status, await response.text()]).toEqual([200, fileOf(name)]);
    expect(response.headers.get("content-type")).toStartWith(type);
    expect(response.headers.get("cache-control")).toBe(caching);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const again = await example.fetch(path, { headers: { "if-none-match": response.headers.get("etag") ?? "" } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("the page asks only for what is there", async () => {
    await using example = await Example.start("static-site");
    for (const page of ["/", "/404.html"]) {
      const text = await (await example.fetch(page)).text();
      const targets = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, target = ""]) => target);
      for (const target of targets.filter((target) => target !== "no-such-page"))
        expect([target, (await fetch(new URL(target, `${example.origin}${page}`))).status]).toEqual([target, 200]);
      expect(targets.length).toBeGreaterThan(1);
    }
  });

  test("what shrinks is sent packed to a client that takes it, and nothing else", async () => {
    using folder = scratch();
    const long = "A mill turns as long as its race has water. ".repeat(100);
    for (const name of ["long.txt", "long.png"]) writeFileSync(join(folder.path, name), long);
    await using example = await Example.start("static-site", "--root", folder.path);
    const init = { headers: { "accept-encoding": "gzip" }, decompress: false };
    const packed = await example.fetch("/long.txt", init);
    expect([packed.headers.get("content-encoding"), packed.headers.get("vary")]).toEqual(["gzip", "Accept-Encoding"]);
    expect(Buffer.from(Bun.gunzipSync(await packed.arrayBuffer())).toString()).toBe(long);
    const plain = await example.fetch("/long.png", init);
    expect([plain.headers.get("content-encoding"), await plain.text()]).toEqual([null, long]);
  });

  test("what is not there is answered with the site's own page and 404, and no path leads out", async () => {
    await using example = await Example.start("static-site");
    for (const path of ["/no-such-page", "/deep/down/", "/..%2fproxy.ts", "/.hidden"]) {
      const response = await example.fetch(path);
      expect([path, response.status, await response.text()]).toEqual([path, 404, fileOf("404.html")]);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    }
    await using client = await RawClient.connect(example.port);
    client.send("GET /../proxy.ts HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await client.received("</html>\n")).toStartWith("HTTP/1.1 404 Not Found\r\n");
  });

  test("other methods than GET and HEAD are 405", async () => {
    await using example = await Example.start("static-site");
    const response = await example.fetch("/style.css", { method: "DELETE" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
    const head = await example.fetch("/style.css", { method: "HEAD", headers: { "accept-encoding": "identity" } });
    expect(head.headers.get("content-length")).toBe(String(fileOf("style.css").length));
  });

  test("--root serves another folder, with its index pages, and without a 404.html says so in a line", async () => {
    using folder = scratch();
    mkdirSync(join(folder.path, "news"));
    writeFileSync(join(folder.path, "news", "index.html"), "<p>news</p>");
    await using example = await Example.start("static-site", "--root", folder.path);
    const folderAsked = await example.fetch("/news?a=1");
    expect([folderAsked.status, folderAsked.headers.get("location")]).toEqual([301, "/news/?a=1"]);
    expect(await (await example.fetch("/news/")).text()).toBe("<p>news</p>");
    const missing = await example.fetch("/none");
    expect([missing.status, await missing.text()]).toEqual([404, "Not Found\n"]);
    // The page is put there, and changed, while the server runs.
    for (const page of ["<p>nothing</p>", "<p>still nothing</p>"]) {
      writeFileSync(join(folder.path, "404.html"), page);
      const answered = await example.fetch("/none");
      expect([answered.status, await answered.text()]).toEqual([404, page]);
    }
  });
});
