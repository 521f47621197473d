// A Fetch handler behind a unix socket, where peers have no addresses.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromFetch, serveHttp } from "../../../src/http/index.ts";
import { listen, run } from "../../../src/index.ts";

test("requestIP gives null on a unix socket", async () => {
  const unix = join(tmpdir(), `millrace-${process.pid}.sock`);
  const ready = Promise.withResolvers<void>();
  const serving = run(function* () {
    const listener = yield* listen({ unix });
    ready.resolve();
    const handler = fromFetch((request, server) => Response.json(server.requestIP(request)));
    yield* serveHttp(listener, handler, { graceMs: 0 });
  });
  try {
    await ready.promise;
    const response = await fetch("http://localhost/", { unix });
    expect([response.status, await response.json()]).toEqual([200, null]);
  } finally {
    serving.cancel();
    await serving.promise.catch(() => {});
  }
});
