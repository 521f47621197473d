// What socket.write, socket.drain and the socket options do in the Bun that millrace is built for. The outbox, the one write
// a pass and the rule that drain means only "try again" rest on these. A failure here says that Bun has changed: look at the
// decision that the test names before changing the test.

import { FFIType, dlopen, ptr } from "bun:ffi";
import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { Pair, fill, isLinux, kernelQueues, turns } from "./support.ts";

const QUIET_TURNS = 20;
const WRITES_UNTIL_RESET_MAX = 1_000_000;

/** The untyped but public descriptor of a socket. */
const descriptorOf = (socket: Socket): number => (socket as unknown as { fd: number }).fd;

describe("socket.write", () => {
  // The outbox gathers a pass into one call because Bun neither corks nor buffers: each write is a system call.
  test.skipIf(!isLinux)("socket.write gives its bytes to the kernel before it returns", async () => {
    await using pair = await Pair.open();
    pair.client.write("ab");
    const { unsent, unread } = kernelQueues(pair.listener.port);
    expect(Math.max(unsent, unread)).toBe(2);
  });

  // The outbox keeps its own tail: it must know exactly how much of a write is still its business.
  test("socket.write returns what the kernel took: all, then some, then 0", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    expect(pair.client.write("abc")).toBe(3);
    const huge = new Uint8Array(64 << 20);
    const some = pair.client.write(huge);
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(huge.length);
    fill(pair.client);
    expect(pair.client.write(huge)).toBe(0);
  });

  // An empty chunk in the outbox must not look like a full kernel: conn skips empty writes.
  test("socket.write returns 0 for no bytes, as it does for a full kernel", async () => {
    await using pair = await Pair.open();
    expect(pair.client.write("")).toBe(0);
    expect(pair.client.write(new Uint8Array(8), 3, 0)).toBe(0);
  });

  // Bun must not send what it refused later on its own, or the outbox would send it twice.
  test("socket.write leaves what the kernel refused to the caller", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    const accepted = fill(pair.client);
    pair.server.resume();
    await pair.log.until(() => pair.received.server >= accepted);
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(accepted);
  });

  // The transport always passes offset and length (oven-sh/bun PR 42997).
  test("socket.write throws for an offset without a length, and takes a part by offset and length", async () => {
    let text = "";
    await using pair = await Pair.open({ server: { data: (_socket, chunk) => void (text += chunk.toString()) } });
    const bytes = new TextEncoder().encode("abcdef");
    expect(() => pair.client.write(bytes, 2)).toThrow(RangeError);
    expect(() => pair.client.write(bytes, 2)).toThrow('"byteLength" is out of range');
    expect(() => pair.client.write(bytes, 2, 5)).toThrow(RangeError);
    expect(pair.client.write(bytes, 2, 3)).toBe(3);
    await pair.log.seen("server.data");
    expect(text).toBe("cde");
  });

  // conn encodes strings itself, but error pages and tests lean on this.
  test("socket.write takes strings as UTF-8 and counts their bytes", async () => {
    await using pair = await Pair.open();
    expect(pair.client.write("é€")).toBe(5);
  });

  // The transport must treat -1 as "gone" whatever readyState says, and must not expect an errno (PR 36422).
  test("socket.write returns -1 after the peer's reset while readyState is 1, then end and close without an error", async () => {
    await using pair = await Pair.open();
    pair.client.terminate();
    let written = 1;
    for (let writes = 0; written !== -1 && writes < WRITES_UNTIL_RESET_MAX; writes++) written = pair.server.write("x");
    expect(written).toBe(-1);
    expect(pair.server.readyState).toBe(1);
    await pair.log.seen("server.close");
    expect(pair.log.sequence("server", "open", "drain")).toEqual(["end", "close"]);
  });

  // A flush may find its conn closed: it must be harmless.
  test("socket.write returns -1 on a closed socket and throws nothing", async () => {
    await using pair = await Pair.open();
    pair.client.terminate();
    expect(pair.client.readyState).toBe(-1);
    expect(pair.client.write("x")).toBe(-1);
  });
});

describe("socket.drain", () => {
  // The outbox waits for drain after a short write, and for nothing else.
  test("socket.drain comes after a short write once the peer has read", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    fill(pair.client);
    await turns(QUIET_TURNS);
    expect(pair.log.count("client.drain")).toBe(0);
    pair.server.resume();
    await pair.log.seen("client.drain");
    expect(pair.client.write("x")).toBe(1);
  });

  // drain therefore means "try again": conn looks at its outbox and never concludes that a write is done (PR 37099).
  test("socket.drain comes spuriously at pause and at resume", async () => {
    await using pair = await Pair.open();
    pair.server.pause();
    await pair.log.until(() => pair.log.count("server.drain") === 1);
    await turns(1);
    pair.server.resume();
    await pair.log.until(() => pair.log.count("server.drain") === 2);
    expect(pair.log.sequence("server")).toEqual(["open", "drain", "drain"]);
  });

  // The same at the peer's FIN, on a socket that has written nothing.
  test("socket.drain comes spuriously at the peer's FIN on a half-open socket", async () => {
    await using pair = await Pair.open();
    pair.client.shutdown();
    await pair.log.seen("server.drain");
    expect(pair.log.sequence("server")).toEqual(["open", "end", "drain"]);
  });

  // A connection that reads and writes without pause or a short write must not be woken for nothing.
  test("socket.drain does not come after a write that was taken whole", async () => {
    await using pair = await Pair.open();
    pair.client.write("x");
    await pair.log.seen("server.data");
    await turns(QUIET_TURNS);
    expect(pair.log.count("client.drain")).toBe(0);
  });
});

describe("socket options", () => {
  // The outbox does the gathering, so Nagle's algorithm must be off; keep-alive is millrace's to ask for.
  test.skipIf(!isLinux)("socket has TCP_NODELAY on and SO_KEEPALIVE off without asking", async () => {
    await using pair = await Pair.open();
    for (const socket of [pair.server, pair.client]) {
      expect(socketOption(descriptorOf(socket), IPPROTO_TCP, TCP_NODELAY)).toBe(1);
      expect(socketOption(descriptorOf(socket), SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
    }
  });
});

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;

function socketOption(descriptor: number, level: number, name: number): number {
  const { i32, pointer } = FFIType;
  const libc = dlopen("libc.so.6", { getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 } });
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  const failed = libc.symbols.getsockopt(descriptor, level, name, ptr(value), ptr(length));
  libc.close();
  if (failed !== 0) throw new Error(`Cannot read option ${level}/${name} of descriptor ${descriptor}`);
  return value[0] ?? -1;
}
