// Where an error goes that a callback throws or a connect meets. The transport catches everything inside its callbacks and
// has an error handler all the same; its connect() maps what Bun says to millrace's own classes and adds the deadline.

import { describe, expect, test } from "bun:test";

import { runChild } from "./child.ts";
import { EventLog, LOOPBACK, Pair, turns } from "./support.ts";

const fail = (message: string) => (): never => {
  throw new Error(message);
};

/** A child with one connection whose server side has these handlers; it prints what its process hears of errors. */
const processErrors = (handlers: string): Promise<{ lines: string[]; exitCode: number }> =>
  runChild(`
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    process.on("unhandledRejection", (error) => console.log("unhandled", error.message));
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { ${handlers} } });
    const close = () => listener.stop(true);
    const client = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: { data() {}, close } });
    client.write("x");
    const wait = (turns) => setImmediate(() => (turns > 0 ? wait(turns - 1) : client.end()));
    wait(30);`);

describe("a throwing callback", () => {
  // A bug in a conn must not leave its socket open for ever: after an error callback the transport terminates it itself.
  test("socket error gets what data throws, and the socket stays open", async () => {
    await using pair = await Pair.open({ server: { data: fail("in data") } });
    pair.client.write("x");
    await pair.log.seen("server.error");
    pair.client.write("y");
    await pair.log.until(() => pair.log.count("server.error(in data)") === 2);
    expect(pair.hasClosed("server")).toBe(false);
    expect(pair.server.readyState).toBe(1);
  });

  // The one callback where Bun does close.
  test("socket error gets what open throws, and the socket closes", async () => {
    await using pair = await Pair.open({ server: { open: fail("in open") } });
    await pair.log.seen("server.close");
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "error(in open)", "close"]);
  });

  // And it does not come out of the method that called the handler: end() and terminate() never throw.
  test("socket error gets what close throws, not the caller of terminate", async () => {
    await using pair = await Pair.open({ server: { close: fail("in close") } });
    pair.server.terminate();
    expect(pair.log.sequence("server", "open")).toEqual(["close", "error(in close)"]);
  });

  // Handlers of the transport are never async functions: their errors pass the error handler by.
  test("socket error does not get what an async data callback rejects with: it is an unhandledRejection", async () => {
    const { lines } = await processErrors(
      `async data() { throw new Error("late"); }, error() { console.log("error"); }`,
    );
    expect(lines).toEqual(["unhandled late"]);
  });

  // Why the transport always gives an error handler, even one that only reports.
  test("a throw in data without an error handler is an uncaughtException", async () => {
    const { lines } = await processErrors(`data() { throw new Error("alone"); }`);
    expect(lines).toEqual(["uncaught alone"]);
  });

  // And why that handler must not throw.
  test("a throw in the error handler is an uncaughtException", async () => {
    const { lines } = await processErrors(
      `data() { throw new Error("first"); }, error() { throw new Error("second"); }`,
    );
    expect(lines).toEqual(["uncaught second"]);
  });
});

describe("Bun.connect", () => {
  // connect() of millrace settles on the promise and gives connectError only to keep Bun from reporting it twice.
  test("Bun.connect calls connectError first and then rejects with the same code", async () => {
    const log = new EventLog();
    const port = unusedPort();
    const connectError = (_socket: unknown, error: Error): void =>
      log.record((error as { code?: string }).code ?? "none");
    const socket = { data: () => undefined, close: () => log.record("close"), connectError };
    await Bun.connect({ hostname: LOOPBACK, port, socket }).catch((error: { code: string }) =>
      log.record(`rejected ${error.code}`),
    );
    await turns(2);
    expect(log.entries).toEqual(["ECONNREFUSED", "rejected ECONNREFUSED"]);
  });

  // Address errors of ours promise no errno: the kernel said ENETUNREACH to the second of these.
  test.each([LOOPBACK, "127.255.255.255"])("Bun.connect to %s rejects with ECONNREFUSED", async (hostname) => {
    const connecting = Bun.connect({ hostname, port: unusedPort(), socket: { data: () => undefined } });
    expect(await connecting.catch((error: unknown) => error)).toMatchObject({ code: "ECONNREFUSED" });
  });

  // The exceptions that tell something.
  test("Bun.connect to a unix path that does not exist rejects with ENOENT", async () => {
    const connecting = Bun.connect({ unix: "/nowhere/millrace.socket", socket: { data: () => undefined } });
    expect(await connecting.catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
  });

  // connect() makes its conn in open, so that the first data callback finds it; the promise comes later.
  test("Bun.connect calls open before its promise resolves", async () => {
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: { data: () => undefined } });
    const socket = { open: () => log.record("open"), data: () => undefined };
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket });
    log.record("resolved");
    client.terminate();
    listener.stop(true);
    expect(log.entries).toEqual(["open", "resolved"]);
  });

  // Hence connect() looks at its own flag of a failed open and not at the promise alone.
  test("Bun.connect resolves with a closed socket when open throws", async () => {
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: { data: () => undefined } });
    const socket = { open: fail("in open"), data: () => undefined, error: () => log.record("error") };
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket });
    listener.stop(true);
    expect(log.entries).toEqual(["error"]);
    expect(client.readyState).toBe(-1);
  });
});

/** A loopback port that nobody listens on: one that was free a moment ago. */
function unusedPort(): number {
  using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: { data: () => undefined } });
  return listener.port;
}
