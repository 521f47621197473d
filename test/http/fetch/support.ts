// One Fetch handler behind two servers, ours and Bun.serve: what they answer must be the same.

import { fromFetch, serveHttp } from "../../../src/http/index.ts";
import { listen, run } from "../../../src/index.ts";

/** A Fetch handler as Bun.serve takes it. */
export type FetchApp = (request: Request, server: never) => Response | Promise<Response>;

/** What is compared of an answer. */
export interface Seen {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** Headers that servers may set as they like: time, and how the end of the body is told. */
const OWN = new Set(["date", "content-length", "transfer-encoding", "connection", "keep-alive"]);

/** Runs `body` with the addresses of both servers. */
export async function withBoth(app: FetchApp, body: (ours: string, buns: string) => Promise<void>): Promise<void> {
  const bun = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app as never });
  const ready = Promise.withResolvers<string>();
  const serving = run(function* () {
    const listener = yield* listen({ port: 0 });
    ready.resolve(`http://${listener.address}`);
    yield* serveHttp(listener, fromFetch(app as never), { graceMs: 0 });
  });
  try {
    await body(await ready.promise, `http://127.0.0.1:${bun.port}`);
  } finally {
    serving.cancel();
    await bun.stop(true);
    await serving.promise.catch(() => {});
  }
}

/** Asks for `path` and gives what came, headers in order of their names. */
export async function ask(origin: string, path: string, init?: RequestInit): Promise<Seen> {
  const response = await fetch(`${origin}${path}`, { redirect: "manual", ...init });
  const headers = [...response.headers].filter(([name]) => !OWN.has(name)).map(([name, value]) => `${name}: ${value}`);
  // Bun.serve says so of some bodies that have no type: a client without one must assume it anyway (RFC 9110 section 8.3).
  const typed = headers.filter((line) => line !== "content-type: application/octet-stream");
  const body = (await response.text()).replaceAll(origin, "ORIGIN");
  return { status: response.status, headers: typed.toSorted(), body };
}
