// Bun's own `fetch`, in this process.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { LINE, patternBytes, patternPiece } from "./pattern.ts";
import { NOTHING_WRONG, PATIENCE_MS, sha256, Target } from "./support.ts";

const MB = 1_000_000;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

/** The pattern in pieces, as a body of unknown length. */
function patternStream(length: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = patternPiece(at, length).slice();
      at += piece.length;
      if (piece.length === 0) controller.close();
      else controller.enqueue(piece);
    },
  });
}

describe("fetch on connections that it keeps", () => {
  test("fetch sends one request after the other on one connection, whatever the answer is", async () => {
    const ask = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        expect(await (await fetch(target.url("/"))).text()).toBe("Hello, World!");
        expect(await (await fetch(target.url("/json"))).json()).toEqual({ message: "Hello, World!" });
        const body = patternBytes(0, 1_000 * i);
        const echo = await fetch(target.url("/echo"), { method: "POST", body });
        expect(Buffer.compare(await echo.bytes(), body)).toBe(0);
        expect((await (await fetch(target.url("/stream/70000"))).bytes()).length).toBe(70_000);
        for (const [path, length] of [
          ["/", "13"],
          ["/bytes/1000", "1000"],
        ] as const) {
          const head = await fetch(target.url(path), { method: "HEAD" });
          expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, length, ""]);
        }
        const empty = await fetch(target.url("/empty"));
        expect([empty.status, await empty.text()]).toEqual([204, ""]);
        expect(await (await fetch(target.url("/nothing"))).text()).toBe("Not Found\n");
        const wrong = await fetch(target.url("/json"), { method: "DELETE", body: "with a body" });
        expect([wrong.status, await wrong.text()]).toEqual([405, "Method Not Allowed\n"]);
        const unread = await fetch(target.url("/unread"), { method: "POST", body: patternBytes(0, 100_000) });
        expect(await unread.text()).toBe("not read");
      }
    };
    expect(await target.opened(ask)).toBe(1);
  });

  test("fetch, a hundred at a time, gets each answer to its own question", async () => {
    const round = async (round: number): Promise<void> => {
      const names = Array.from({ length: 100 }, (_, i) => `${round}-${i}`);
      const answers = await Promise.all(names.map(async (name) => (await fetch(target.url(`/name/${name}`))).text()));
      expect(answers).toEqual(names);
    };
    const opened = await target.opened(async () => {
      for (let i = 0; i < 5; i++) await round(i);
    });
    // Bun keeps 64 idle ones of the 100.
    expect(opened).toBeLessThan(300);
  });

  test("fetch, a hundred at a time, moves bodies both ways at once", async () => {
    const sizes = Array.from({ length: 100 }, (_, i) => i * 997);
    const answers = await Promise.all(
      sizes.map(async (size) => {
        const answer = await fetch(target.url("/echo"), { method: "POST", body: patternBytes(size, 2 * size) });
        return Buffer.compare(await answer.bytes(), patternBytes(size, 2 * size));
      }),
    );
    expect(answers).toEqual(sizes.map(() => 0));
  });
});

describe("fetch and long bodies", () => {
  for (const [path, length] of [
    [`/bytes/${10 * MB}`, `${10 * MB}`],
    [`/stream/${10 * MB}`, null],
  ] as const) {
    test(`fetch downloads ${path} byte for byte`, async () => {
      const answer = await fetch(target.url(path));
      expect(answer.headers.get("content-length")).toBe(length);
      expect(Buffer.compare(await answer.bytes(), patternBytes(0, 10 * MB))).toBe(0);
    });
  }

  test("fetch uploads 10 MB of a known length", async () => {
    const body = patternBytes(0, 10 * MB);
    const answer = await fetch(target.url("/digest"), { method: "POST", body });
    expect(await answer.json()).toMatchObject({
      bytes: 10 * MB,
      sha256: sha256(body),
      contentLength: `${10 * MB}`,
      transferEncoding: null,
    });
  });

  test("fetch uploads a stream in chunks", async () => {
    const answer = await fetch(target.url("/digest"), { method: "POST", body: patternStream(3 * MB) });
    expect(await answer.json()).toMatchObject({
      bytes: 3 * MB,
      sha256: sha256(patternBytes(0, 3 * MB)),
      contentLength: null,
      transferEncoding: "chunked",
    });
  });

  test("fetch reads the answer while it still uploads", async () => {
    const answer = await fetch(target.url("/echo"), { method: "POST", body: patternStream(3 * MB) });
    expect(Buffer.compare(await answer.bytes(), patternBytes(0, 3 * MB))).toBe(0);
  });

  test("fetch gets the answer to an upload that the handler does not read", async () => {
    for (let i = 0; i < 5; i++) {
      for (const body of [patternBytes(0, 5 * MB), patternStream(5 * MB)]) {
        const answer = await fetch(target.url("/unread"), { method: "POST", body });
        expect(await answer.text()).toBe("not read");
      }
    }
  });
});

describe("fetch and replies of their own kind", () => {
  test("fetch gets text compressed, announced and as a stream", async () => {
    for (const path of ["/text/10000", "/text/10000?stream"]) {
      const answer = await fetch(target.url(path));
      expect(["gzip", "br", "zstd"]).toContain(answer.headers.get("content-encoding") ?? "none");
      expect(await answer.text()).toBe(LINE.repeat(10_000));
    }
  });

  test("fetch follows redirects, with its body where the status keeps it", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const answer = await fetch(target.url(`/redirect/${status}`));
      expect([answer.url, answer.redirected, await answer.text()]).toEqual([target.url("/name/here"), true, "here"]);
    }
    for (const status of [307, 308]) {
      const answer = await fetch(target.url(`/moved/${status}`), { method: "POST", body: patternBytes(0, MB) });
      expect(await answer.json()).toMatchObject({ bytes: MB, sha256: sha256(patternBytes(0, MB)) });
    }
  });
});

describe("fetch that is aborted", () => {
  /** Aborts what `start` has begun, once its handler runs; settles when the handler was cancelled. */
  async function aborted(start: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const { begun, cancelled } = await target.statistics();
    const controller = new AbortController();
    const fetched = start(controller.signal).then(
      () => "fulfilled",
      (error: Error) => error.name,
    );
    await target.counted(begun + 1, cancelled);
    controller.abort();
    expect(await fetched).toBe("AbortError");
    await target.counted(begun + 1, cancelled + 1);
  }

  test("fetch cancels the handler that has not answered yet", async () => {
    for (let i = 0; i < 5; i++) await aborted((signal) => fetch(target.url("/held"), { signal }));
  });

  test("fetch cancels the handler half way through its answer", async () => {
    await aborted(async (signal) => (await fetch(target.url("/endless"), { signal })).bytes());
  });

  test("fetch cancels the handler half way through its upload", async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(patternBytes(0, 10_000)),
    });
    await aborted((signal) => fetch(target.url("/digest"), { method: "POST", body: endless, signal }));
  });

  test("fetch cancels the handler when the reader of the answer has seen enough", async () => {
    const { begun, cancelled } = await target.statistics();
    const reader = ((await fetch(target.url("/endless"))).body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(Buffer.compare(value as Uint8Array, patternBytes(0, (value as Uint8Array).length))).toBe(0);
    await reader.cancel();
    await target.counted(begun + 1, cancelled + 1);
  });
});
