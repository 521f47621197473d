// Options that are numbers, where they are none: an error that names them at once, instead of a clock that never runs or a limit that never holds.

import { describe, expect, test } from "bun:test";
import { connect, listen, serve, startTls, type Steps } from "../../src/index.ts";
import { serveHttp, text } from "../../src/http/index.ts";
import { simulate } from "../../src/sim/index.ts";

function* nothing(): Steps<void> {}

const address = { port: 80 };

describe("an option that is no number", () => {
  test("serve refuses it at once", () => {
    expect(() => serve(address, nothing, { graceMs: Number.NaN })).toThrow(
      "Cannot serve with a grace: expected a number of milliseconds and found NaN",
    );
  });

  test("listen and startTls refuse a deadline of a handshake", () =>
    simulate(function* () {
      const tls = { key: "key", cert: "cert", handshakeMs: Number.NaN };
      const refused = "Cannot bound a TLS handshake: expected a number of milliseconds and found NaN";
      expect(yield* messageOf(() => listen({ ...address, tls }))).toContain(refused);
      yield* listen(address);
      using conn = yield* connect(address);
      expect(yield* messageOf(() => startTls(conn, { serverName: "a.example", handshakeMs: Number.NaN }))).toContain(
        refused,
      );
    }));

  test.each(["headMs", "keepAliveMs", "graceMs", "headBytesMax", "drainBodyBytesMax", "bodyBytesPerSecondMin"])(
    "serveHttp refuses %s",
    (name) =>
      simulate(function* () {
        for (const value of [Number.NaN, -1, "10" as unknown as number])
          expect(yield* messageOf(() => serveHttp(address, () => text(""), { [name]: value }))).toBe(
            `Cannot serve HTTP: ${name} is ${typeof value === "string" ? '"10"' : `number ${value}`}, expected a number from 0 on`,
          );
      }),
  );
});

function* messageOf(
  operation: () => ReturnType<typeof serve> | ReturnType<typeof startTls> | ReturnType<typeof listen>,
): Steps<string> {
  try {
    yield* operation();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}
