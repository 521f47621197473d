// How input arrives and how it is held back. The receive buffer (chunks may be kept), its high-water mark and backpressure
// by pause() rest on these. How the loop goes round between the callbacks is in loop.test.ts.

import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { EventLog, LOOPBACK, Pair, fill, recorded, turns } from "./support.ts";

const QUIET_TURNS = 20;
const RECEIVE_BYTES_MAX = 512 * 1024;

describe("the data callback", () => {
  // The receive buffer keeps chunks without copying them.
  test("socket data chunks are fresh Buffers of exactly their own size", async () => {
    const chunks: Buffer[] = [];
    await using pair = await Pair.open({ server: { data: (_socket, chunk) => void chunks.push(chunk) } });
    pair.client.write("first");
    await pair.log.until(() => chunks.length === 1);
    pair.client.write("second");
    await pair.log.until(() => chunks.length === 2);
    expect(chunks.map((chunk) => [chunk.toString(), chunk.byteOffset, chunk.buffer.byteLength])).toEqual([
      ["first", 0, 5],
      ["second", 0, 6],
    ]);
  });

  // The transport sets no binaryType and is given Buffers; any other type is as fresh a copy, so none is cheaper.
  test.each([
    ["buffer", "Buffer"],
    ["uint8array", "Uint8Array"],
    ["arraybuffer", "ArrayBuffer"],
  ] as const)("binaryType %s gives a fresh %s of exactly its own size", async (binaryType, name) => {
    const log = new EventLog();
    const received: object[] = [];
    const data = (_socket: Socket, chunk: object): void => {
      received.push(chunk);
      log.record(`data ${received.length}`);
    };
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: { data, binaryType } });
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: recorded(log, "client") });
    client.write("first");
    await log.seen("data 1");
    client.write("second");
    await log.seen("data 2");
    client.end();
    expect(received.map((chunk) => chunk.constructor.name)).toEqual([name, name]);
    expect(received.map((chunk) => (ArrayBuffer.isView(chunk) ? chunk.buffer : chunk))).toEqual([
      new TextEncoder().encode("first").buffer,
      new TextEncoder().encode("second").buffer,
    ]);
  });

  // One ready socket can deliver megabytes before any other gets its turn: the receive high-water mark must be looked at
  // in the data callback itself, not once a round. (Up to eleven in a row were measured with several sockets ready.)
  test("socket data comes again in the same round while a receive came back full, at most 512 KiB each", async () => {
    const rounds = new RoundCounter();
    const bySameRound = new Map<number, number[]>();
    await using pair = await Pair.open({
      server: {
        data: (_socket, chunk) => {
          const round = rounds.current();
          bySameRound.set(round, [...(bySameRound.get(round) ?? []), chunk.length]);
        },
      },
      client: { drain: (socket) => void fill(socket) },
    });
    const inOneRound = (): boolean => [...bySameRound.values()].some((lengths) => lengths.length > 1);
    pair.server.pause();
    fill(pair.client);
    pair.server.resume();
    await pair.log.until(inOneRound);
    expect(Math.max(...[...bySameRound.values()].flat())).toBeLessThanOrEqual(RECEIVE_BYTES_MAX);
    for (const lengths of bySameRound.values()) {
      expect(lengths.slice(0, -1).every((length) => length === RECEIVE_BYTES_MAX)).toBe(true);
    }
  });

  // The other side of that: pause() takes effect at once, so the mark is overrun by one chunk and not by eleven.
  test("socket.pause inside data is the last data until resume, even after a full receive", async () => {
    let paused = false;
    await using pair = await Pair.open({
      server: {
        data: (socket, chunk) => {
          if (chunk.length < RECEIVE_BYTES_MAX) return;
          paused = true;
          socket.pause();
          pair.log.record("paused");
        },
      },
      client: { drain: (socket) => void (paused ? 0 : fill(socket)) },
    });
    pair.server.pause();
    fill(pair.client);
    pair.server.resume();
    await pair.log.seen("paused");
    const received = pair.received.server;
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(received);
    // The peer is held back for real: its kernel has long stopped taking bytes.
    fill(pair.client);
    await turns(QUIET_TURNS);
    expect(pair.client.write("x")).toBe(0);
  });

  // conn finds itself through socket.data.
  test("socket.data set in open is the same object in every later callback, close included", async () => {
    const own = { name: "own" };
    const seen: unknown[] = [];
    const look = (socket: Socket): void => void seen.push((socket as unknown as { data: unknown }).data === own);
    await using pair = await Pair.open({
      server: { open: (socket) => void ((socket as { data: unknown }).data = own), data: look, end: look, close: look },
    });
    pair.client.write("x");
    pair.client.shutdown();
    await pair.log.seen("server.end");
    pair.server.shutdown();
    await pair.log.seen("server.close");
    expect(seen).toEqual([true, true, true]);
  });
});

/** Numbers the rounds of the event loop: a new one begins after the setImmediate that follows the first look. */
class RoundCounter {
  #round = 0;
  #armed = false;

  current(): number {
    if (!this.#armed) {
      this.#armed = true;
      setImmediate(() => {
        this.#armed = false;
        this.#round++;
      });
    }
    return this.#round;
  }
}

describe("socket.pause", () => {
  // Backpressure by construction: a reader that falls behind stops its peer.
  test("socket.pause lets no byte through and makes the peer's write return 0", async () => {
    await using pair = await Pair.open({ server: { open: (socket) => void socket.pause() } });
    const accepted = fill(pair.client);
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(0);
    expect(pair.client.write("x")).toBe(0);
    pair.server.resume();
    await pair.log.until(() => pair.received.server >= accepted);
  });

  // pause() is a flag and does not nest: conn may call it without remembering.
  test("socket.pause twice is undone by one resume", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    pair.server.pause();
    pair.server.resume();
    pair.client.write("x");
    await pair.log.seen("server.data");
  });

  // A paused conn cannot learn that its client has gone: request.signal and halfCloseGraceMs start at resume.
  test("socket.pause hides the peer's FIN until resume, then data, end and close come in order", async () => {
    await using pair = await Pair.open({ server: { open: (socket) => void socket.pause() }, allowHalfOpen: false });
    pair.client.write("bye");
    pair.client.shutdown();
    await turns(QUIET_TURNS);
    expect(pair.log.sequence("server", "drain")).toEqual(["open"]);
    pair.server.resume();
    await pair.log.seen("server.close");
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "data(3)", "end", "close"]);
  });

  // The linger discards input by reading it: a paused socket would wait for its deadline.
  test("socket.pause hides the close after both FINs until resume", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    pair.server.shutdown();
    await pair.log.seen("client.end");
    pair.client.shutdown();
    await pair.log.seen("client.close");
    await turns(QUIET_TURNS);
    expect(pair.hasClosed("server")).toBe(false);
    pair.server.resume();
    await pair.log.seen("server.close");
  });

  // conn must take data that comes while it is paused, above its high-water mark, and then see the reset.
  test("socket.pause does not hold back a reset: the rest of the data comes while paused, then close", async () => {
    await using pair = await Pair.open({ server: { open: (socket) => void socket.pause() } });
    pair.client.write(new Uint8Array(50_000));
    await turns(QUIET_TURNS);
    pair.client.terminate();
    await pair.log.seen("server.close");
    expect(pair.received.server).toBe(50_000);
    expect(pair.log.sequence("server", "drain", "data").at(-1)).toBe("close(ECONNRESET)");
  });

  // A task that is woken by drain may pause the reader: leaving the drain callback must not undo it.
  test("socket.pause inside drain stays in force after the callback", async () => {
    let paused = false;
    await using pair = await Pair.open({
      server: {
        drain: (socket) => {
          if (!paused) socket.pause();
          paused = true;
        },
      },
    });
    pair.client.pause();
    fill(pair.server);
    pair.client.resume();
    await pair.log.seen("server.drain");
    pair.client.write("x");
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(0);
    pair.server.resume();
    await pair.log.seen("server.data");
  });
});
