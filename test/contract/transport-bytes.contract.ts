// What net/transport.ts promises about bytes: writing, reading, pausing, and half of a connection closing. Part of transport.contract.ts.

import { expect, test } from "bun:test";
import { type End, Net, patterned } from "./net.ts";
import type { World } from "./world.ts";

export function bytesContract(makeWorld: () => World): void {
  writeContract(makeWorld);
  pauseContract(makeWorld);
  shutdownContract(makeWorld);
}

function writeContract(makeWorld: () => World): void {
  test("write sends the bytes from offset on, as many as length says", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    expect(client.socket.write(Buffer.from("--abc--"), 2, 3)).toBe(3);
    expect(client.socket.write(Buffer.from("def"), 0, 2)).toBe(2);
    await net.world.until(() => server.bytes === 5, "five bytes");
    expect(server.text).toBe("abcde");
  });

  test("write of nothing gives 0 and sends nothing", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    expect(client.socket.write(new Uint8Array(8), 3, 0)).toBe(0);
    await net.world.settle();
    expect(server.told).toEqual([]);
  });

  test("write never calls the peer within the call", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.send("x");
    expect(server.told).toEqual([]);
    await net.world.until(() => server.bytes === 1, "a byte");
    client.socket.shutdown();
    expect(server.told).toEqual(["data"]);
    client.socket.end();
    expect(server.told).toEqual(["data"]);
  });

  test("write has copied what it took: the caller may change the array", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    const bytes = Buffer.from("original");
    expect(client.socket.write(bytes, 0, 8)).toBe(8);
    bytes.fill(0);
    await net.world.until(() => server.bytes === 8, "eight bytes");
    expect(server.text).toBe("original");
  });

  test("write has copied what waits in the kernel too: a Buffer may be used again for the next write", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    const buffer = Buffer.alloc(1_000);
    let filled = 0;
    for (let i = 0, taken = 1; taken > 0; i++) {
      taken = client.socket.write(buffer.fill(i), 0, buffer.length);
      filled += taken;
    }
    buffer.fill(255);
    server.socket.resume();
    await net.world.until(() => server.bytes === filled, "everything");
    const { received } = server;
    expect(received.findIndex((byte, i) => byte !== Math.floor(i / 1_000) % 256)).toBe(-1);
  });

  test("data gives chunks that are the receiver's to keep", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    const sent = patterned(net.world.bulkBytes);
    client.pour(sent, () => client.socket.shutdown());
    await net.world.until(() => server.isEnded, "the end");
    // Nothing may have written over the first chunk since.
    expect(Buffer.compare(server.received, sent)).toBe(0);
    const buffers = server.chunks.map((chunk) => chunk.buffer);
    expect(new Set(buffers).size).toBe(buffers.length);
    // Buffers, whose slice() is a view: the simulation must not be kinder than Bun.
    for (const chunk of server.chunks) {
      expect(chunk).toBeInstanceOf(Buffer);
      expect([chunk.byteOffset, chunk.buffer.byteLength]).toEqual([0, chunk.length]);
    }
  });

  test("write takes less and then nothing when the peer does not read, and drained says when to go on", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    const filled = client.fill();
    expect(client.socket.write(new Uint8Array(1), 0, 1)).toBe(0);
    let drained = false;
    client.onDrained = () => (drained = true);
    server.socket.resume();
    await net.world.until(() => drained && server.bytes >= filled, "all bytes, and drained");
    expect(client.socket.write(new Uint8Array(1), 0, 1)).toBe(1);
    await net.world.until(() => server.bytes === filled + 1, "the last byte");
  });

  test("write in both directions at once loses nothing", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    const [there, back] = [patterned(net.world.bulkBytes), patterned(net.world.bulkBytes).reverse()];
    let poured = 0;
    client.pour(there, () => poured++);
    server.pour(back, () => poured++);
    await net.world.until(() => server.bytes === there.length && client.bytes === back.length, "all bytes");
    expect(poured).toBe(2);
    expect(Buffer.compare(server.received, there)).toBe(0);
    expect(Buffer.compare(client.received, back)).toBe(0);
  });
}

function pauseContract(makeWorld: () => World): void {
  test("pause stops data, and resume brings it", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    client.send("held back");
    await net.world.settle();
    expect(server.told).toEqual([]);
    server.socket.resume();
    await net.world.until(() => server.text === "held back", "the bytes");
  });

  test("pause within data lets no second chunk through", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.onData = () => server.socket.pause();
    const sent = patterned(net.world.bulkBytes);
    client.pour(sent, () => client.socket.shutdown());
    while (!server.isEnded) {
      const before = server.chunks.length;
      server.socket.resume();
      await net.world.until(() => server.chunks.length > before || server.isEnded, "one more chunk or the end");
      expect(server.chunks.length - before).toBeLessThan(2);
    }
    expect(Buffer.compare(server.received, sent)).toBe(0);
  });

  test("pause is backpressure: what is accepted for a peer that does not read is bounded", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    let filled = 0;
    for (let more = client.fill(); more > 0; more = client.fill()) {
      filled += more;
      await net.world.settle();
    }
    expect(filled).toBeLessThan(32 * 1024 * 1024);
    expect(server.bytes).toBe(0);
    server.socket.resume();
    await net.world.until(() => server.bytes === filled, "everything that was accepted");
  });

  test("pause hides the peer's FIN until resume; then come the bytes and then the end", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    client.send("last words");
    client.socket.shutdown();
    await net.world.settle();
    expect(server.told).toEqual([]);
    server.socket.resume();
    await net.world.until(() => server.isEnded, "the end");
    expect(server.told).toEqual(["data", "ended"]);
    expect(server.text).toBe("last words");
  });

  test("pause hides the end of both directions too", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    server.socket.shutdown();
    client.send("last words");
    client.socket.shutdown();
    await net.world.until(() => client.isClosed, "the client is closed");
    await net.world.settle();
    expect(server.told).toEqual([]);
    server.socket.resume();
    await net.world.until(() => server.isClosed, "closed");
    expect(server.told).toEqual(["data", "closed"]);
  });

  test("pause does not hide a reset: what had arrived comes, then closed", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    client.send("last words");
    await net.world.settle();
    client.socket.terminate();
    await net.world.until(() => server.isClosed, "closed");
    expect(server.told).toEqual(["data", "closed"]);
    expect(server.text).toBe("last words");
  });

  test("pause and resume many times, before anything has come, lose nothing", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    for (let i = 0; i < 5; i++) {
      server.socket.pause();
      server.socket.pause();
      server.socket.resume();
      server.socket.resume();
    }
    client.send("hello");
    await net.world.until(() => server.text === "hello", "the bytes");
  });
}

function shutdownContract(makeWorld: () => World): void {
  test("shutdown ends our direction: write gives -1, the peer hears ended after the last byte", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.send("bye");
    client.socket.shutdown();
    client.socket.shutdown();
    expect(client.socket.write(Buffer.from("x"), 0, 1)).toBe(-1);
    await net.world.until(() => server.isEnded, "ended");
    await net.world.settle();
    expect(server.told).toEqual(["data", "ended"]);
    expect(client.told).toEqual([]);
  });

  test("shutdown leaves the other direction open, and the peer's FIN then gives closed without ended", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.shutdown();
    await net.world.until(() => server.isEnded, "the client's FIN");
    const answer = patterned(net.world.bulkBytes);
    server.pour(answer, () => server.socket.shutdown());
    await net.world.until(() => client.isClosed && server.isClosed, "both are closed");
    expect(client.told).toEqual(["data", "closed"]);
    expect(server.told).toEqual(["ended", "closed"]);
    expect(Buffer.compare(client.received, answer)).toBe(0);
  });

  test("shutdown at both ends at once closes both", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.send("a");
    server.send("b");
    client.socket.shutdown();
    server.socket.shutdown();
    await net.world.until(() => client.isClosed && server.isClosed, "both are closed");
    expect([client.text, server.text]).toEqual(["b", "a"]);
    expect([client.isEnded, server.isEnded]).toEqual([false, false]);
  });

  test("shutdown within ended is answered by closed, later", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    let within: readonly string[] = [];
    server.onEnded = () => {
      server.socket.shutdown();
      within = [...server.told];
    };
    client.socket.shutdown();
    await net.world.until(() => client.isClosed && server.isClosed, "both are closed");
    expect(within).toEqual(["ended"]);
    expect(client.told).toEqual(["closed"]);
  });

  test("shutdown after the peer's FIN closes, and the rest still arrives", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.pause();
    client.socket.shutdown();
    await net.world.until(() => server.isEnded, "the client's FIN");
    const filled = server.fill();
    server.socket.shutdown();
    await net.world.until(() => server.isClosed, "closed, although the client has not read yet");
    client.socket.resume();
    await net.world.until(() => client.isClosed, "closed");
    expect(client.bytes).toBe(filled);
  });

  test("shutdown while paused, after the peer's FIN was told, gives closed at resume at the latest", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.shutdown();
    await net.world.until(() => server.isEnded, "the client's FIN");
    server.socket.pause();
    server.socket.shutdown();
    await net.world.until(() => client.isClosed, "the client is closed");
    server.socket.resume();
    await net.world.until(() => server.isClosed, "closed");
    expect(server.told).toEqual(["ended", "closed"]);
  });

  test("shutdown loses nothing that write has accepted, however slowly the peer reads", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    const sent = patterned(net.world.bulkBytes);
    server.onData = () => server.socket.pause();
    client.pour(sent, () => client.socket.shutdown());
    await readSlowly(net, server);
    expect(server.bytes).toBe(sent.length);
    expect(Buffer.compare(server.received, sent)).toBe(0);
  });
}

/** Lets a paused end have one chunk after another, each after all else has settled, to its end. */
async function readSlowly(net: Net, end: End): Promise<void> {
  while (!end.isEnded) {
    await net.world.settle();
    const before = end.chunks.length;
    end.socket.resume();
    await net.world.until(() => end.chunks.length > before || end.isEnded, "one more chunk or the end");
  }
}
