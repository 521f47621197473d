// The programs of docs/http.md run and do what the page says of them.

import { describe, expect, test } from "bun:test";
import { answersOf, fetched, programsBelow } from "./support.ts";

const [server = ""] = programsBelow("http.md", "A server");
const [bodies = ""] = programsBelow("http.md", "Bodies both ways");
const [middleware = "", waiting = ""] = programsBelow("http.md", "Middleware, files, compression");

describe("docs/http.md", () => {
  test("A server", async () => {
    const answers = await answersOf(server, async (origin) => [
      await fetched(origin, "/"),
      await fetched(origin, "/notes/7", { method: "PUT", body: "flour" }),
      await fetched(origin, "/notes/7"),
      await fetched(origin, "/notes/7", { method: "PUT", body: "x".repeat(1_025) }),
      await fetched(origin, "/slow"),
      await fetched(origin, "/promise"),
      await fetched(origin, "/old", { redirect: "manual" }),
      await fetched(origin, "/slow", { method: "DELETE" }),
    ]);
    expect(answers).toEqual([
      [200, "text/plain", "a plain function costs no generator"],
      [204, "", ""],
      [200, "application/json", '{"id":"7","note":"flour"}'],
      [413, "text/plain", "413 Content Too Large\n"],
      [200, "text/plain", "at last"],
      [200, "text/plain", "a Response, or a promise of one, will do"],
      [308, "", ""],
      [405, "text/plain", "Method Not Allowed\n"],
    ]);
  });

  test("Bodies both ways", async () => {
    const form = new FormData();
    form.append("grain", "rye");
    form.append("file", new File(["x"], "mill.txt"));
    const answers = await answersOf(bodies, (origin) =>
      Promise.all([
        fetched(origin, "/count", { method: "POST", body: new Uint8Array(20_000_000) }),
        fetched(origin, "/form", { method: "POST", body: form }),
        fetched(origin, "/lines"),
        fetched(origin, "/events"),
      ]),
    );
    expect(answers).toEqual([
      [200, "application/json", '{"bytes":20000000}'],
      [200, "application/json", '{"grain":"rye","file":"mill.txt"}'],
      [200, "text/plain", "line 0\nline 1\nline 2\n"],
      [200, "text/event-stream", "id: 1\ndata: tick 1\n\nid: 2\ndata: tick 2\n\n"],
    ]);
  });

  test("Middleware that waits", async () => {
    const answers = await answersOf(waiting, async (origin) => [
      await fetched(origin, "/"),
      await fetched(origin, "/sum", { method: "POST", body: "[1,2]" }),
      await fetched(origin, "/sum", { method: "POST", body: "[1,2" }),
    ]);
    expect(answers).toEqual([
      [200, "text/plain", "fine"],
      [200, "application/json", "2"],
      [400, "application/json", '{"error":"the body is no JSON"}'],
    ]);
  });

  test("Middleware, files, compression", async () => {
    const answers = await answersOf(middleware, async (origin) => {
      const page = await fetch(`${origin}/docs/http.md`);
      return [
        await fetched(origin, "/"),
        await fetched(origin, "/me/name"),
        await fetched(origin, "/me/name", { headers: { cookie: "user=ada" } }),
        [page.status, page.headers.get("cache-control"), page.headers.has("server-timing"), (await page.text())[0]],
        (await fetched(origin, "/docs/%2e%2e/package.json"))[0],
      ];
    });
    expect(answers).toEqual([
      [200, "text/plain", "open to all"],
      [401, "", ""],
      [200, "text/plain", "ada"],
      [200, "no-cache", true, "#"],
      404,
    ]);
  });
});
