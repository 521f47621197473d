// What TLS changes in writing and closing. end() is no close(2) there, terminate() comes too late after it, and what write()
// took may still be in the process. conn's closing recipe has to hold for both kinds of socket, so the differences are here.

import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { Pair, fill, isLinux, kernelQueues, turns } from "./support.ts";

const QUIET_TURNS = 20;
const SPILL_BYTES_MAX = 256 * 1024;

/** As `fill`, until the kernels at both ends have come to rest: meanwhile they find room for some more. */
async function cram(socket: Socket): Promise<number> {
  let accepted = 0;
  for (let taken = fill(socket); taken > 0; taken = fill(socket)) {
    accepted += taken;
    await turns(QUIET_TURNS);
  }
  return accepted;
}

describe("writing", () => {
  // The outbox's own budget is what bounds memory. Of ciphertext Bun keeps no more than one batch beyond the kernel.
  test.skipIf(!isLinux)(
    "socket.write with TLS spills at most a batch beyond what the kernel takes, then returns 0",
    async () => {
      await using pair = await Pair.open({ tls: true });
      pair.client.pause();
      // It ends when a write has returned 0.
      const accepted = await cram(pair.server);
      const { unsent, unread } = kernelQueues(pair.listener.port);
      expect(accepted - (unsent + unread)).toBeLessThan(SPILL_BYTES_MAX);
      pair.client.resume();
      await pair.log.until(() => pair.received.client === accepted);
    },
  );

  // Backpressure works on the decrypted side as it does on a plain socket.
  test("socket.pause with TLS lets no byte through until resume", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.pause();
    pair.client.write("x");
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(0);
    pair.server.resume();
    await pair.log.seen("server.data");
  });
});

describe("bytes that are held back", () => {
  // How conn's closing tells that everything is with the kernel, which nothing else says: FIN waits behind what was spilled.
  test("socket.write of nothing after shutdown with TLS gives 0 while FIN is held back, and -1 from a drain on", async () => {
    const told: number[] = [];
    const nothing = new Uint8Array(0);
    await using pair = await Pair.open({
      tls: true,
      server: { drain: (socket) => void told.push(socket.write(nothing, 0, 0)) },
    });
    pair.client.pause();
    const accepted = await cram(pair.server);
    expect(pair.server.write(nothing, 0, 0)).toBe(0);
    pair.server.shutdown();
    expect(pair.server.write(nothing, 0, 0)).toBe(0);
    pair.client.resume();
    await pair.log.seen("client.end");
    expect([pair.received.client, told.at(-1), pair.server.write(nothing, 0, 0)]).toEqual([accepted, -1, -1]);
  });

  test("socket.write of nothing after shutdown with TLS gives -1 at once when nothing is held back", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.write("x");
    pair.server.shutdown();
    expect(pair.server.write(new Uint8Array(0), 0, 0)).toBe(-1);
  });
});

describe("closing", () => {
  // Half-close works as on a plain socket, but the order at the end differs: with TLS an end comes before the close.
  test("socket.shutdown with TLS half-closes: the peer gets end and may answer, and we get data, end and close", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.shutdown();
    await pair.log.seen("server.end");
    expect(pair.client.write("x")).toBe(-1);
    expect(pair.server.write("answer")).toBe(6);
    pair.server.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("client", "drain")).toEqual(["open", "data(6)", "end", "close"]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "end", "close"]);
  });

  // Why conn never calls end() on a TLS socket that has not been shut down: it is no close(2) here. It waits for the peer
  // without a limit, and terminate() can do nothing for it any more.
  test("socket.end with TLS does not close, and terminate after it does nothing; only listener.stop(true) does", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.end();
    expect(pair.server.readyState).toBe(-1);
    await pair.log.seen("client.end");
    pair.server.terminate();
    pair.server.close();
    await turns(QUIET_TURNS);
    expect([pair.hasClosed("server"), pair.hasClosed("client")]).toEqual([false, false]);
    pair.listener.stop(true);
    expect(pair.hasClosed("server")).toBe(true);
  });

  // The recipe therefore works with TLS when everything has left: the end() after a shutdown() closes at once.
  test("socket.end after shutdown with TLS closes before it returns when nothing waits to be sent", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.shutdown();
    pair.server.end();
    expect(pair.hasClosed("server")).toBe(true);
  });

  // When the peer does not read, it does not: the last deadline has to be terminate() instead of end(), never after it.
  test("socket.end after shutdown with TLS waits for a peer that does not read, whatever is called then", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    const accepted = await cram(pair.server);
    pair.server.shutdown();
    pair.server.end();
    pair.server.terminate();
    await turns(QUIET_TURNS);
    expect(pair.hasClosed("server")).toBe(false);
    pair.client.resume();
    await pair.log.seen("server.close");
    await pair.log.seen("client.end");
    expect(pair.received.client).toBe(accepted);
  });

  // Nor does the peer's end help: conn looks at what is held back then too.
  test("socket.end with TLS waits for a peer that does not read, although the peer has ended", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    pair.client.shutdown();
    await pair.log.seen("server.end");
    await cram(pair.server);
    pair.server.end();
    pair.server.terminate();
    await turns(QUIET_TURNS);
    expect(pair.hasClosed("server")).toBe(false);
    pair.client.resume();
    await pair.log.seen("server.close");
  });

  // That terminate(): it closes at once, spilled bytes or not.
  test("socket.terminate with TLS closes before it returns, also after shutdown with bytes waiting", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    await cram(pair.server);
    pair.server.shutdown();
    pair.server.terminate();
    expect(pair.hasClosed("server")).toBe(true);
    pair.client.resume();
    await pair.log.seen("client.close");
  });
});
