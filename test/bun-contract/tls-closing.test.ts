// What TLS changes in writing and closing. end() is no close(2) there, terminate() comes too late after it, and what write()
// took may still be in the process. conn's closing recipe has to hold for both kinds of socket, so the differences are here.

import { describe, expect, test } from "bun:test";

import { Pair, fill, isLinux, kernelQueues, turns } from "./support.ts";

const QUIET_TURNS = 20;
const SPILL_BYTES_MAX = 256 * 1024;

describe("writing", () => {
  // The outbox's own budget is what bounds memory. Of ciphertext Bun keeps no more than one batch beyond the kernel.
  test.skipIf(!isLinux)(
    "socket.write with TLS spills at most a batch beyond what the kernel takes, then returns 0",
    async () => {
      await using pair = await Pair.open({ tls: true });
      pair.client.pause();
      const accepted = fill(pair.server);
      const { unsent, unread } = kernelQueues(pair.listener.port);
      expect(accepted - (unsent + unread)).toBeLessThan(SPILL_BYTES_MAX);
      expect(pair.server.write("x")).toBe(0);
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
    const accepted = fill(pair.server);
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

  // That terminate(): it closes at once, spilled bytes or not.
  test("socket.terminate with TLS closes before it returns, also after shutdown with bytes waiting", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    fill(pair.server);
    pair.server.shutdown();
    pair.server.terminate();
    expect(pair.hasClosed("server")).toBe(true);
    pair.client.resume();
    await pair.log.seen("client.close");
  });
});
