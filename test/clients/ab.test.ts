// ApacheBench, which speaks HTTP/1.0 and keeps its connections with `-k`: the server must say `Connection: keep-alive` and give a length.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { NOTHING_WRONG, PATIENCE_MS, printed, Scratch, Target } from "./support.ts";

const REQUESTS = 5_000;
/** Where each takes a connection of its own. */
const REQUESTS_APART = 1_000;
const CONNECTIONS = 20;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

/** The lines `Name: number` of its report, as far as they tell of success. */
function countsOf(report: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, name = "", count] of report.matchAll(
    /^(Complete requests|Failed requests|Non-2xx responses|Write errors|Keep-Alive requests|Document Length): +(\d+)/gm,
  ))
    counts[name] = Number(count);
  return counts;
}

const ab = async (requests: number, ...args: string[]): Promise<Record<string, number>> =>
  countsOf(await printed("ab", ["-q", "-n", `${requests}`, "-c", `${CONNECTIONS}`, ...args]));

describe("ab", () => {
  for (const [path, length] of [
    ["/", 13],
    ["/bytes/20000", 20_000],
  ] as const) {
    test(`ab -k gets ${path} ${REQUESTS} times on connections that are kept`, async () => {
      let counts: Record<string, number> = {};
      const opened = await target.opened(async () => {
        counts = await ab(REQUESTS, "-k", target.url(path));
      });
      expect(counts).toEqual({
        "Complete requests": REQUESTS,
        "Failed requests": 0,
        "Keep-Alive requests": REQUESTS,
        "Document Length": length,
      });
      expect(opened).toBe(CONNECTIONS);
    });
  }

  test("ab -k posts a body on connections that are kept", async () => {
    using scratch = new Scratch();
    const file = scratch.file("body");
    await Bun.write(file, "b".repeat(3_000));
    // Not /digest: a body of varying length would count as a failure.
    expect(await ab(REQUESTS, "-k", "-p", file, "-T", "text/plain", target.url("/unread"))).toEqual({
      "Complete requests": REQUESTS,
      "Failed requests": 0,
      "Keep-Alive requests": REQUESTS,
      "Document Length": 8,
    });
  });

  test("ab -k -i asks with HEAD", async () => {
    expect(await ab(REQUESTS, "-k", "-i", target.url("/bytes/1000"))).toEqual({
      "Complete requests": REQUESTS,
      "Failed requests": 0,
      "Keep-Alive requests": REQUESTS,
      "Document Length": 0,
    });
  });

  test("ab without -k takes a connection for each request, and finds each closed", async () => {
    expect(await ab(REQUESTS_APART, target.url("/"))).toEqual({
      "Complete requests": REQUESTS_APART,
      "Failed requests": 0,
      "Document Length": 13,
    });
  });

  test("ab -k gets a body of unknown length, which HTTP/1.0 can only end with the connection", async () => {
    expect(await ab(REQUESTS_APART, "-k", target.url("/stream/20000"))).toEqual({
      "Complete requests": REQUESTS_APART,
      "Failed requests": 0,
      "Keep-Alive requests": 0,
      "Document Length": 20_000,
    });
  });
});
