// How connections end. The closing recipe of conn (flush the outbox, shutdown(), discard input until the peer's FIN or a
// deadline, then end()) is what remains when each of these traps is avoided; the order of callbacks is what conn's state
// rules are written against.

import { describe, expect, test } from "bun:test";

import { Pair, fill, turns } from "./support.ts";

const QUIET_TURNS = 20;

/** Stops both readers and makes the client write as much as its kernel takes. Returns how many bytes that were. */
function stall(pair: Pair, options: { inputUnread: boolean }): number {
  pair.server.pause();
  pair.client.pause();
  if (options.inputUnread) pair.server.write("input that the client never reads");
  return fill(pair.client);
}

describe("socket.end", () => {
  // Why conn never calls end() on a live connection (PR 35947).
  test("socket.end closes both directions and drops what write had accepted when input is unread", async () => {
    await using pair = await Pair.open();
    const accepted = stall(pair, { inputUnread: true });
    pair.client.end();
    pair.server.resume();
    await pair.log.seen("server.close");
    expect(pair.received.server).toBeLessThan(accepted);
    expect(pair.log.sequence("server", "open", "drain", "data")).toEqual(["close(ECONNRESET)"]);
  });

  // Why the recipe may finish with end(): with the input discarded it keeps what the kernel accepted.
  test("socket.end without unread input delivers all that write had accepted", async () => {
    await using pair = await Pair.open();
    const accepted = stall(pair, { inputUnread: false });
    pair.client.end();
    pair.server.resume();
    await pair.log.seen("server.end");
    expect(pair.received.server).toBe(accepted);
  });

  // Why the outbox is flushed before, and end() is called without data (PR 41785).
  test("socket.end(data) drops what the kernel does not take at once", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    const huge = new Uint8Array(64 << 20);
    const accepted = pair.client.end(huge);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(huge.length);
    pair.server.resume();
    await pair.log.seen("server.end");
    expect(pair.received.server).toBe(accepted);
  });
});

describe("socket.shutdown", () => {
  // Why conn.end() is shutdown(): with the same unread input that makes end() lose bytes.
  test("socket.shutdown delivers all that write had accepted, unread input or not", async () => {
    await using pair = await Pair.open();
    const accepted = stall(pair, { inputUnread: true });
    pair.client.shutdown();
    pair.server.resume();
    await pair.log.seen("server.end");
    expect(pair.received.server).toBe(accepted);
  });

  // conn keeps its own write state: readyState does not tell that the write side is shut.
  test("socket.shutdown sends a FIN, goes on reading, refuses writes with -1 and keeps readyState 1", async () => {
    await using pair = await Pair.open();
    pair.client.shutdown();
    expect(pair.client.write("x")).toBe(-1);
    expect(pair.client.readyState).toBe(1);
    await pair.log.seen("server.end");
    expect(pair.server.write("late answer")).toBe(11);
    await pair.log.seen("client.data");
    expect(pair.received.client).toBe(11);
  });

  // conn takes a close without an end for the end of the stream when its own write side is shut.
  test("socket.shutdown on both sides ends in close without end on the side that shut down first", async () => {
    await using pair = await Pair.open();
    pair.client.shutdown();
    await pair.log.seen("server.end");
    pair.server.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("client", "drain")).toEqual(["open", "close"]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "end", "close"]);
  });

  // The same when both FINs cross: neither side ever sees an end.
  test("socket.shutdown on both sides at once gives close without end to both", async () => {
    await using pair = await Pair.open();
    pair.client.shutdown();
    pair.server.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("client", "drain")).toEqual(["open", "close"]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "close"]);
  });
});

describe("socket.terminate", () => {
  // How a reset by the peer looks to a conn that was reading.
  test("socket.terminate resets: the peer gets close with ECONNRESET and no end", async () => {
    await using pair = await Pair.open();
    pair.client.terminate();
    await pair.log.seen("server.close");
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "close(ECONNRESET)"]);
  });

  // Why the recipe does not finish with terminate() on a plain connection.
  test("socket.terminate drops what a late reader has not read, even after shutdown", async () => {
    await using pair = await Pair.open();
    const accepted = stall(pair, { inputUnread: false });
    pair.client.shutdown();
    pair.client.terminate();
    pair.server.resume();
    await pair.log.seen("server.close");
    expect(pair.received.server).toBeLessThan(accepted);
  });

  // The other half of that: after the same shutdown, end() leaves the rest to the kernel.
  test("socket.end after shutdown still delivers everything to a late reader", async () => {
    await using pair = await Pair.open();
    const accepted = stall(pair, { inputUnread: false });
    pair.client.shutdown();
    pair.client.end();
    expect(pair.hasClosed("client")).toBe(true);
    await turns(QUIET_TURNS);
    pair.server.resume();
    await pair.log.seen("server.end");
    expect(pair.received.server).toBe(accepted);
  });

  // A close callback, a flush or a timer may come to a socket that has just closed.
  test("socket methods on a closed socket do nothing and throw nothing", async () => {
    await using pair = await Pair.open();
    pair.server.terminate();
    pair.log.clear();
    pair.server.pause();
    pair.server.resume();
    pair.server.shutdown();
    pair.server.terminate();
    pair.server.end();
    expect(pair.server.readyState).toBe(-1);
    expect(pair.log.sequence("server")).toEqual([]);
  });

  // conn reads the addresses at open: error reports want them after the close, and Bun looks them up lazily.
  test("socket.remoteAddress is undefined after the close unless it was read before", async () => {
    await using pair = await Pair.open();
    expect(pair.server.remoteAddress).toBe("127.0.0.1");
    pair.server.terminate();
    pair.client.terminate();
    expect(pair.server.remoteAddress).toBe("127.0.0.1");
    expect(pair.client.remoteAddress).toBeUndefined();
  });
});

describe("the close callback", () => {
  // Why a callback only wakes a task and never resumes it: the task that calls end() is running at that moment.
  test.each(["end", "terminate", "close"] as const)("socket.%s calls close before it returns", async (method) => {
    await using pair = await Pair.open();
    pair.log.clear();
    pair.client[method]();
    pair.log.record("returned");
    expect(pair.log.entries.slice(0, 2)).toEqual(["client.close", "returned"]);
  });

  // The same inside a data callback, where conn is in the middle of its own bookkeeping.
  test("socket.end inside data calls close inside that data callback", async () => {
    const log: string[] = [];
    await using pair = await Pair.open({
      server: {
        data: (socket) => {
          log.push("data begins");
          socket.end();
          log.push("data ends");
        },
        close: () => void log.push("close"),
      },
    });
    pair.client.write("x");
    await pair.log.seen("server.close");
    await turns(1);
    expect(log).toEqual(["data begins", "close", "data ends"]);
  });
});

describe("half-open sockets", () => {
  // Both allowHalfOpen and an end handler are needed for a peer that half-closes and still wants its answer.
  test("allowHalfOpen keeps the socket writable after the peer's FIN until we shut down: open, data, end, close", async () => {
    await using pair = await Pair.open();
    pair.client.write("question");
    pair.client.shutdown();
    await pair.log.seen("server.end");
    await turns(QUIET_TURNS);
    expect(pair.hasClosed("server")).toBe(false);
    pair.server.write("answer");
    pair.server.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "data(8)", "end", "close"]);
    expect(pair.log.sequence("client", "drain")).toEqual(["open", "data(6)", "close"]);
  });

  // What is lost without it: the socket is gone right after the end callback.
  test("allowHalfOpen false closes the socket at the peer's FIN, right after end", async () => {
    await using pair = await Pair.open({ allowHalfOpen: false });
    pair.client.shutdown();
    await pair.log.seen("server.close");
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "end", "close"]);
    expect(pair.server.write("too late")).toBe(-1);
  });

  // And allowHalfOpen alone is not enough.
  test("allowHalfOpen without an end handler closes the socket at the peer's FIN", async () => {
    await using pair = await Pair.open({ server: { end: null } });
    pair.client.shutdown();
    await pair.log.seen("server.close");
    expect(pair.server.write("too late")).toBe(-1);
  });

  // A conn may answer an end by closing at once; the close then comes inside the end callback.
  test("socket.end inside the end callback closes inside it", async () => {
    await using pair = await Pair.open({ server: { end: (socket) => void socket.end() } });
    pair.client.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "end", "close"]);
  });
});
