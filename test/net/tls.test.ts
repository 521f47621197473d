// TLS as far as it needs no cryptography: the deadline of handshakes and the closing of a TLS conn, on the virtual clock.

import { describe, expect, test } from "bun:test";
import { ACCEPT_QUEUE_MAX, LINGER_MS, TLS_HANDSHAKE_MS, WRITE_STALL_MS } from "../../src/config.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { ListenError } from "../../src/net/errors.ts";
import { Handshakes } from "../../src/net/handshakes.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { brokenOff, type TlsServerOptions } from "../../src/net/tls.ts";
import type { Handshake, RawSocket, SocketHandler } from "../../src/net/transport.ts";
import type { SimPeer } from "../../src/sim/index.ts";
import { thrownBy } from "../contract/conn-world.ts";
import { ADDRESS, Mill, refusals, socketOf } from "./kit.ts";

/** Nobody looks at them here. */
const TLS: TlsServerOptions = { key: "key", cert: "certificate" };

describe("listen with tls on the simulated transport", () => {
  test("listen marks its conns as secure and counts handshakes", async () => {
    const mill = new Mill();
    let secure: boolean | null = null;
    const { task, listener } = mill.serve(
      function* (conn) {
        secure = conn.secure;
      },
      { tls: TLS },
    );
    const peer = mill.peer({ ...ADDRESS, tls: {} });
    mill.until(() => peer.ended);
    peer.shutdown();
    expect([secure as unknown, listener().secure]).toEqual([true, true]);
    mill.until(() => listener().statistics().open === 0);
    expect(listener().statistics()).toEqual({
      open: 0,
      resting: 0,
      accepted: 1,
      refused: 0,
      refusals: refusals(),
      handshakes: { pending: 0, failed: 0 },
    });
    await mill.finish(task);
  });

  test("listen throws ListenError without a key", async () => {
    const mill = new Mill();
    const task = mill.start(() => thrownBy(() => listen({ ...ADDRESS, tls: { ...TLS, key: "" } })));
    await mill.settle();
    expect(task.outcome).toBeInstanceOf(ListenError);
    expect(task.outcome).toMatchObject({
      message: "Cannot listen on 127.0.0.1:7000: TLS needs a key and a certificate, and tls.key is missing",
    });
    await mill.finish();
  });
});

describe("Listener with tls", () => {
  test("Listener refuses a handshake that is done when its queue is full, or that comes after its close", async () => {
    const mill = new Mill();
    let greet: (socket: RawSocket) => Handshake | null = () => null;
    mill.host.transport.listenSecure = (_address, _tls, given) => {
      greet = given;
      return { port: 7_000, hostname: "127.0.0.1", stop() {}, reload() {} };
    };
    const opening = mill.start(() => listen({ ...ADDRESS, tls: TLS }));
    await mill.settle();
    const listener = opening.outcome as Listener;
    const connect = (): { done: () => SocketHandler | null } => {
      let handler: SocketHandler | null = null;
      const socket = { terminate: () => handler?.socketClosed() } as RawSocket;
      const handshake = greet(socket) as Handshake;
      return { done: () => (handler = handshake.done(socket)) };
    };
    const connections = Array.from({ length: ACCEPT_QUEUE_MAX + 2 }, connect);
    expect(listener.statistics()).toMatchObject({ open: ACCEPT_QUEUE_MAX + 2, accepted: 0 });
    expect(connections.filter((connection) => connection.done() !== null)).toHaveLength(ACCEPT_QUEUE_MAX);
    const counts = { resting: 0, accepted: ACCEPT_QUEUE_MAX, handshakes: { pending: 0, failed: 0 } };
    expect(listener.statistics()).toEqual({
      ...counts,
      open: ACCEPT_QUEUE_MAX,
      refused: 2,
      refusals: refusals({ queue: 2 }),
    });
    listener.close();
    expect(greet({} as RawSocket)).toBeNull();
    expect(listener.statistics()).toEqual({
      ...counts,
      open: 0,
      refused: 3,
      refusals: refusals({ queue: 2, closed: 1 }),
    });
    await mill.finish();
  });
});

describe("Handshakes", () => {
  /** Handshakes of sockets that tell of nothing but `terminate`. */
  function begun(mill: Mill, count: number): { handshakes: Handshakes; sockets: Handshake[]; events: string[] } {
    const events: string[] = [];
    const handshakes = new Handshakes(mill.scheduler, TLS_HANDSHAKE_MS, {
      handshakeDone: () => {
        events.push("done");
        return null;
      },
      handshakeFailed: () => void events.push(`failed at ${mill.host.now()}`),
    });
    const sockets = Array.from({ length: count }, () => {
      const socket = { terminate: () => handshake.failed(brokenOff()) } as RawSocket;
      const handshake = handshakes.begin(socket);
      return handshake;
    });
    return { handshakes, sockets, events };
  }

  test("Handshakes resets each that is not done at its deadline, and none before", async () => {
    const mill = new Mill();
    const start = mill.host.now();
    const { handshakes, sockets, events } = begun(mill, 3);
    mill.pass(TLS_HANDSHAKE_MS - 1);
    sockets[1]?.done({} as RawSocket);
    expect(events).toEqual(["done"]);
    mill.pass(2);
    expect(events).toEqual(["done", ...Array<string>(2).fill(`failed at ${start + TLS_HANDSHAKE_MS}`)]);
    expect([handshakes.pending, handshakes.failed]).toEqual([0, 2]);
    await mill.finish();
  });

  test("Handshakes that are done or failed leave no timer behind", async () => {
    const mill = new Mill();
    const { handshakes, sockets } = begun(mill, 3);
    expect(mill.scheduler.timers.armed).toBe(3);
    sockets[0]?.done({} as RawSocket);
    sockets[1]?.failed(brokenOff());
    handshakes.abandon();
    expect([mill.scheduler.timers.armed, handshakes.pending, handshakes.failed]).toEqual([0, 0, 2]);
    await mill.finish();
  });
});

describe("close over TLS", () => {
  /** A conn whose socket may hold its last bytes and its FIN back, as Bun's does while the kernel has no room. */
  interface Held {
    readonly mill: Mill;
    readonly peer: SimPeer;
    readonly conn: Conn;
    readonly ends: () => number;
    /** The kernel has room again. */
    release(): void;
    finish(): Promise<void>;
  }

  function held(): Held {
    const mill = new Mill();
    let conn: Conn | null = null;
    const { task } = mill.serve(
      function* (accepted) {
        conn = accepted;
        yield* sleepForever();
      },
      { tls: TLS, graceMs: 0 },
    );
    const peer = mill.peer({ ...ADDRESS, tls: {} });
    mill.until(() => conn !== null && peer.opened);
    const made = conn as unknown as Conn;
    const socket = socketOf(made);
    const [write, shutdown, end] = [socket.write, socket.shutdown, socket.end].map((call) => call.bind(socket)) as [
      RawSocket["write"],
      RawSocket["shutdown"],
      RawSocket["end"],
    ];
    let [holding, asked, ends] = [true, false, 0];
    socket.write = (bytes, offset, length) => (holding && length === 0 ? 0 : write(bytes, offset, length));
    socket.shutdown = () => {
      asked = true;
      if (!holding) shutdown();
    };
    socket.end = () => {
      // Bun would then wait for the peer without end.
      if (holding) throw new Error("end() while the FIN is held back");
      ends++;
      end();
    };
    return {
      mill,
      peer,
      conn: made,
      ends: () => ends,
      release: () => {
        holding = false;
        if (asked) shutdown();
        made.socketDrained();
      },
      finish: () => mill.finish(task),
    };
  }

  test("close resets a peer for which the FIN is held back longer than the stall time", async () => {
    const { mill, conn, ends, finish } = held();
    conn.close();
    mill.pass(WRITE_STALL_MS - 2);
    expect(conn.closed).toBe(false);
    mill.pass(4);
    expect([conn.closed, ends()]).toEqual([true, 0]);
    await finish();
  });

  test("close lingers from when the FIN is out, and ends the socket then", async () => {
    const { mill, conn, ends, release, finish } = held();
    conn.close();
    mill.pass(WRITE_STALL_MS - 1_000);
    release();
    mill.pass(LINGER_MS - 2);
    // Drains without reason do not prolong it.
    conn.socketDrained();
    expect(conn.closed).toBe(false);
    mill.pass(4);
    expect([conn.closed, ends()]).toEqual([true, 1]);
    await finish();
  });

  test("close with both ends' FIN waits for ours to be out", async () => {
    const { mill, peer, conn, ends, release, finish } = held();
    peer.shutdown();
    mill.pass(10);
    conn.close();
    mill.pass(WRITE_STALL_MS - 1_000);
    expect([conn.closed, ends()]).toEqual([false, 0]);
    release();
    expect([conn.closed, ends()]).toEqual([true, 1]);
    await finish();
  });

  test("close told of the peer's FIN while ours is held back does not end the socket", async () => {
    const { mill, peer, conn, ends, release, finish } = held();
    conn.close();
    mill.pass(10);
    peer.shutdown();
    mill.pass(10);
    expect([conn.closed, ends()]).toEqual([false, 0]);
    release();
    expect([conn.closed, ends()]).toEqual([true, 1]);
    await finish();
  });
});
