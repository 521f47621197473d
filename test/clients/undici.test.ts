// undici with ten requests in flight on a connection. It is imported by its file: under its plain name Bun gives a client of its own.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Readable } from "node:stream";
import { Client, type Dispatcher, Pool } from "undici/index.js";
import { patternBytes } from "./pattern.ts";
import { NOTHING_WRONG, PATIENCE_MS, sha256, Target } from "./support.ts";

const REQUESTS = 1_000;
const MB = 1_000_000;

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

/** Gives `use` a client, and tells how many connections it took. */
async function withClient(use: (client: Client) => Promise<void>): Promise<number> {
  const client = new Client(target.origin, { pipelining: 10 });
  const opened = await target.opened(() => use(client));
  await client.close();
  return opened;
}

/** Status, length and text of an answer in one string. */
async function ask(
  dispatcher: Dispatcher,
  method: Dispatcher.HttpMethod,
  path: string,
  body?: Uint8Array | Readable,
): Promise<string> {
  // undici sends nothing behind a POST before its answer is there, unless it is told that it may.
  const options = body === undefined ? {} : { body, idempotent: true };
  const answer = await dispatcher.request({ method, path, ...options });
  return `${answer.statusCode} ${answer.headers["content-length"]} ${await answer.body.text()}`;
}

/** Asks for a thousand names at once. Gives how many answers were wrong, and how many came out of order. */
async function names(dispatcher: Dispatcher): Promise<{ wrong: number; disordered: number }> {
  const order: number[] = [];
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, async (_, i) => {
      const answer = await ask(dispatcher, "GET", `/name/${i}`);
      order.push(i);
      return answer === `200 ${`${i}`.length} ${i}`;
    }),
  );
  const wrong = answers.filter((right) => !right).length;
  return { wrong, disordered: order.filter((value, at) => value !== at).length };
}

/** Request number `i` of a mixture, and the answer that is due. */
function mixed(i: number): [due: string, method: Dispatcher.HttpMethod, path: string, body?: Uint8Array] {
  const body = Buffer.from(`body ${i} `.repeat(i % 200));
  switch (i % 8) {
    case 0:
      return [`200 ${i} `, "HEAD", `/bytes/${i}`];
    case 1:
      return [`200 undefined ${body.toString()}`, "POST", "/echo", body];
    case 2:
      return ["405 19 Method Not Allowed\n", "PUT", "/json", body];
    case 3:
      return ["200 8 not read", "POST", "/unread", body];
    case 4:
      return ["204 undefined ", "GET", "/empty"];
    case 5:
      return ["404 10 Not Found\n", "GET", `/nothing/${i}`];
    case 6:
      return ["200 11 slept 1 ms\n", "GET", "/sleep/1"];
    default:
      return [`200 ${`${i}`.length} ${i}`, "GET", `/name/${i}`];
  }
}

describe("undici with a pipelining of 10", () => {
  test("undici's Client gets a thousand answers in order on one connection", async () => {
    const opened = await withClient(async (client) => {
      expect(await names(client)).toEqual({ wrong: 0, disordered: 0 });
    });
    expect(opened).toBe(1);
  });

  test("undici's Pool gets a thousand answers on five connections, each to its own question", async () => {
    const pool = new Pool(target.origin, { connections: 5, pipelining: 10 });
    const opened = await target.opened(async () => expect(await names(pool)).toMatchObject({ wrong: 0 }));
    await pool.close();
    expect(opened).toBe(5);
  });

  test("undici gets each answer of a thousand mixed requests: HEAD, POST, 204, 404, slow ones", async () => {
    const opened = await withClient(async (client) => {
      const one = async (i: number): Promise<void> => {
        const [due, method, path, body] = mixed(i);
        expect(`${method} ${path} ${await ask(client, method, path, body)}`).toBe(`${method} ${path} ${due}`);
      };
      await Promise.all(Array.from({ length: REQUESTS }, (_, i) => one(i)));
    });
    // undici gives its connection up behind each HEAD.
    expect(opened).toBe(1 + REQUESTS / 8);
  });

  test("undici uploads 3 MB with a length and in chunks, and goes on behind them", async () => {
    const bytes = patternBytes(0, 3 * MB);
    const digest = { bytes: 3 * MB, sha256: sha256(bytes), expect: null };
    const opened = await withClient(async (client) => {
      const [sized, chunked, behind] = await Promise.all([
        ask(client, "POST", "/digest", bytes),
        ask(client, "POST", "/digest", Readable.from([bytes.subarray(0, MB), bytes.subarray(MB)])),
        ask(client, "GET", "/name/behind"),
      ]);
      const jsonOf = (answer: string): unknown => JSON.parse(answer.replace(/^200 \d+ /, ""));
      expect(jsonOf(sized)).toEqual({ ...digest, contentLength: `${3 * MB}`, transferEncoding: null });
      expect(jsonOf(chunked)).toEqual({ ...digest, contentLength: null, transferEncoding: "chunked" });
      expect(behind).toBe("200 6 behind");
    });
    expect(opened).toBe(1);
  });

  test("undici downloads bodies one behind the other, byte for byte", async () => {
    const lengths = [3 * MB, 1, 0, 70_000, 3 * MB];
    const paths = lengths.flatMap((length) => [`/bytes/${length}`, `/stream/${length}`]);
    const opened = await withClient(async (client) => {
      const bodies = await Promise.all(
        paths.map(async (path) => (await client.request({ method: "GET", path })).body.bytes()),
      );
      for (const [i, body] of bodies.entries())
        expect(Buffer.compare(body, patternBytes(0, lengths[i >> 1] ?? 0))).toBe(0);
    });
    expect(opened).toBe(1);
  });
});
