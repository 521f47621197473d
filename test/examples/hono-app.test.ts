// An application of Hono beside a native route: both answer, each with its own 404, and Hono learns when a client leaves.

import { describe, expect, test } from "bun:test";
import { within } from "../subprocess.ts";
import { Example } from "./support.ts";

describe("examples/hono-app.ts", () => {
  test("Hono answers below /api, millrace beside it", async () => {
    await using example = await Example.start("hono-app");
    const ask = async (path: string): Promise<[number, string]> => {
      const response = await example.fetch(path);
      return [response.status, await response.text()];
    };
    expect(await ask("/healthz")).toEqual([200, "ok\n"]);
    expect(await ask("/api/grains")).toEqual([200, '[{"name":"rye","sacks":12}]']);
    expect(await ask("/api/grains/rye")).toEqual([200, '{"name":"rye","sacks":12}']);
    expect(await ask("/api/grains/oats")).toEqual([404, '{"error":"no such grain"}']);
    expect(await ask("/api/nothing")).toEqual([404, '{"error":"no such path"}']);
    expect(await ask("/nothing")).toEqual([404, "Not Found\n"]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("Hono's middleware works: request id, CORS, entity tags", async () => {
    await using example = await Example.start("hono-app");
    const response = await example.fetch("/api/grains/rye", {
      headers: { "x-request-id": "abc", origin: "https://mill.example" },
    });
    expect(response.headers.get("x-request-id")).toBe("abc");
    expect(response.headers.get("access-control-allow-origin")).toBe("https://mill.example");
    const tag = response.headers.get("etag") ?? "";
    const again = await example.fetch("/api/grains/rye", { headers: { "if-none-match": tag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const asked = await example.fetch("/api/grains", {
      method: "OPTIONS",
      headers: { origin: "https://mill.example", "access-control-request-method": "POST" },
    });
    expect([asked.status, asked.headers.get("access-control-allow-methods")]).toEqual([
      204,
      "GET,HEAD,PUT,POST,DELETE,PATCH,QUERY",
    ]);
  });

  test("Hono reads and checks bodies", async () => {
    await using example = await Example.start("hono-app");
    const post = async (body: string): Promise<[number, string]> => {
      const headers = { "content-type": "application/json" };
      const response = await example.fetch("/api/grains", { method: "POST", body, headers });
      return [response.status, await response.text()];
    };
    expect(await post('{"name":"oats","sacks":3}')).toEqual([201, '{"name":"oats","sacks":3}']);
    expect(await (await example.fetch("/api/grains/oats")).text()).toBe('{"name":"oats","sacks":3}');
    expect(await post('{"name":"oats","sacks":"many"}')).toEqual([400, '{"error":"sacks must be a number"}']);
    expect((await post("{"))[0]).toBe(400);
    expect((await post(JSON.stringify({ name: "x".repeat(20_000), sacks: 1 })))[0]).toBe(413);
  });

  test("a stream of Hono ends when its client leaves", async () => {
    await using example = await Example.start("hono-app");
    const leaving = new AbortController();
    const response = await example.fetch("/api/turns", { signal: leaving.signal });
    const chunks = (response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
    const { value } = await within(chunks.next(), "the first turn");
    expect(Buffer.from(value as Uint8Array).toString()).toStartWith("turn 1\n");
    leaving.abort();
    expect(await example.program.line()).toBe("the client has left");
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });
});
