// The proxy of TCP in a simulated world: which side learns what when the other ends, vanishes or takes nothing, how much lies in between, and what each
// deadline does. Both sides are peers without any code of ours in them.

import { describe, expect, test } from "bun:test";
import { proxy, type Proxy, addressOf } from "../../examples/proxy.ts";
import type { SessionLimits, SessionReport } from "../../examples/proxy/session.ts";
import type { Task } from "../../src/core/task.ts";
import type { Conn } from "../../src/net/conn.ts";
import type { ConnHandler } from "../../src/net/serve.ts";
import { type NetworkOptions, createPrng, ROUGH_NETWORK, SimPeer, type SimPeerListener } from "../../src/sim/index.ts";
import { wholeNumber } from "../environment.ts";
import { Mill } from "../net/kit.ts";

const BEHIND = { hostname: "10.0.0.2", port: 7_001 };

/** A proxy in a world of its own, and a server behind it that is driven by hand. */
class Weir {
  readonly mill: Mill;
  readonly proxy: Proxy;
  readonly behind: SimPeerListener;
  readonly reports: SessionReport[] = [];
  readonly errors: unknown[] = [];
  /** The proxy's ends of its clients' connections, oldest first. */
  readonly conns: Conn[] = [];
  readonly task: Task<never>;

  constructor(limits: Partial<SessionLimits> = {}, network: NetworkOptions = {}, graceMs = 10_000) {
    this.mill = new Mill(network);
    this.proxy = proxy(BEHIND, limits, (report) => this.reports.push(report));
    this.behind = SimPeer.listen(this.mill.host, BEHIND);
    const handler: ConnHandler = (conn) => {
      this.conns.push(conn);
      return this.proxy.handler(conn);
    };
    this.task = this.mill.serve(handler, {
      graceMs,
      onError: (error) => this.errors.push(error),
      onDrain: () => this.proxy.drain(),
    }).task;
  }

  /** Both ends of a new session. */
  open(): { client: SimPeer; server: SimPeer } {
    const client = this.mill.peer();
    const count = this.behind.peers.length + 1;
    this.mill.until(() => this.behind.peers.length === count);
    return { client, server: this.behind.peers[count - 1] as SimPeer };
  }

  pass(ms = 5): void {
    this.mill.pass(ms);
  }

  /** How the sessions ended, in order. */
  endings(): string[] {
    return this.reports.map(({ ending }) => ending);
  }

  async finish(): Promise<void> {
    this.behind.stop();
    await this.mill.finish(this.task);
    expect(this.errors).toEqual([]);
    expect(this.proxy.sessions).toBe(0);
  }
}

describe("a session of the proxy", () => {
  test("a session carries bytes both ways, and is over when both sides have ended", async () => {
    const weir = new Weir();
    const { client, server } = weir.open();
    client.send("one ");
    server.send("two ");
    weir.pass();
    client.send("three");
    server.send("four");
    weir.pass();
    expect([server.text, client.text, weir.proxy.sessions]).toEqual(["one three", "two four", 1]);
    client.shutdown();
    server.shutdown();
    weir.pass();
    expect([client.closed, client.wasReset, server.closed, server.wasReset]).toEqual([true, false, true, false]);
    expect(weir.reports).toMatchObject([{ bytesUp: 9, bytesDown: 8, ending: "both sides ended", isFault: false }]);
    await weir.finish();
  });

  test.each(["client", "server"] as const)(
    "a session whose %s has ended carries what the other side has to say",
    async (who) => {
      const weir = new Weir();
      const { client, server } = weir.open();
      const [first, second] = who === "client" ? [client, server] : [server, client];
      first.send("all that I have to say");
      first.shutdown();
      weir.pass();
      expect([second.text, second.ended]).toEqual(["all that I have to say", true]);
      for (let i = 0; i < 5; i++) {
        second.send(`${i} `);
        weir.pass(50_000);
      }
      expect([first.text, first.ended]).toEqual(["0 1 2 3 4 ", false]);
      second.shutdown();
      weir.pass();
      expect([first.closed, first.wasReset, second.closed, second.wasReset]).toEqual([true, false, true, false]);
      expect(weir.endings()).toEqual(["both sides ended"]);
      await weir.finish();
    },
  );

  test("a session tells one side of the other's end only behind the other's last byte", async () => {
    const weir = new Weir({}, { sendBufferBytes: [2_000, 2_000] as const, receiveBufferBytes: 2_000 });
    const { client, server } = weir.open();
    const much = Buffer.alloc(1_000_000, "0123456789");
    server.pause();
    client.send(much);
    client.shutdown();
    weir.pass(1_000);
    expect(server.ended).toBe(false);
    server.resume();
    weir.pass(30_000);
    expect([server.ended, Buffer.from(server.received).equals(much)]).toEqual([true, true]);
    server.send("got it");
    server.shutdown();
    weir.pass();
    expect([client.text, weir.endings()]).toEqual(["got it", ["both sides ended"]]);
    await weir.finish();
  });

  test.each(["client", "server"] as const)("a session whose %s vanishes is a reset for the other side", async (who) => {
    const weir = new Weir();
    const { client, server } = weir.open();
    const [lost, left] = who === "client" ? [client, server] : [server, client];
    lost.send("half of someth");
    weir.pass();
    lost.reset();
    weir.pass();
    expect([left.text, left.ended, left.wasReset]).toEqual(["half of someth", false, true]);
    expect(weir.reports).toMatchObject([{ ending: `the ${who} is gone`, isFault: who === "server" }]);
    await weir.finish();
  });

  test("a session whose server takes no more lets the client have the answer that explains it, and then cuts it off", async () => {
    const weir = new Weir({}, { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 });
    const { client, server } = weir.open();
    const answer = Buffer.alloc(100_000, "413 too much ");
    client.pause();
    server.send(answer);
    weir.mill.until(() => server.unsentBytes === 0);
    weir.pass();
    // As of a process that has answered and exits: what is sent to it from now on is answered with a reset.
    server.end();
    client.send("x".repeat(1_000));
    weir.pass();
    client.send("x".repeat(1_000));
    weir.pass();
    expect([server.closed, client.closed, weir.proxy.sessions]).toEqual([true, false, 1]);
    client.resume();
    weir.pass(1_000);
    expect([Buffer.from(client.received).equals(answer), client.wasReset]).toEqual([true, true]);
    expect(weir.endings()).toEqual(["the server is gone"]);
    await weir.finish();
  });

  test("a session whose server vanishes lets the client have what had come from it before, as far as that is in the proxy", async () => {
    const weir = new Weir({}, { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 });
    const { client, server } = weir.open();
    const answer = Buffer.alloc(100_000, "most of it ");
    client.pause();
    server.send(answer);
    weir.mill.until(() => server.unsentBytes === 0);
    weir.pass();
    server.reset();
    weir.pass();
    client.resume();
    weir.pass(1_000);
    const { received } = client;
    // A reset throws away what is in the kernel: two buffers.
    expect([received.length > 91_000, answer.subarray(0, received.length).equals(received)]).toEqual([true, true]);
    expect([client.ended, client.wasReset, weir.endings()]).toEqual([false, true, ["the server is gone"]]);
    await weir.finish();
  });

  test("a server that refuses is a reset for the client, and the report says why", async () => {
    const weir = new Weir();
    weir.behind.stop();
    const client = weir.mill.peer();
    client.send("PING\r\n");
    weir.pass();
    expect([client.text, client.ended, client.wasReset, weir.proxy.sessions]).toEqual(["", false, true, 0]);
    expect(weir.reports).toMatchObject([
      {
        bytesUp: 0,
        isFault: true,
        ending: expect.stringMatching(/^Cannot connect to 10\.0\.0\.2:7001: .*ECONNREFUSED/),
      },
    ]);
    await weir.finish();
  });

  test("a client that leaves while the server is being connected leaves no connection behind", async () => {
    const weir = new Weir({}, { latencyMs: [50, 50] as const });
    const client = weir.mill.peer();
    weir.mill.until(() => weir.proxy.sessions === 1);
    client.reset();
    weir.pass(1_000);
    expect([weir.proxy.sessions, weir.behind.peers.map(({ closed }) => closed)]).toEqual([0, [true]]);
    await weir.finish();
  });
});

describe("backpressure through the proxy", () => {
  test.each(["client", "server"] as const)(
    "a %s that does not read stops the other side, with some pieces in between, and loses nothing",
    async (who) => {
      // What the sockets hold is next to nothing, so what is missing lies in the proxy.
      const weir = new Weir({}, { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 });
      const { client, server } = weir.open();
      const [slow, fast] = who === "client" ? [client, server] : [server, client];
      const much = Buffer.alloc(5_000_000, "abcdefghijklmnopqrstuvwxyz.");
      slow.pause();
      fast.send(much);
      weir.pass(50_000);
      const held = much.length - fast.unsentBytes;
      // Outbox, one piece, and the receive buffer, 64 KiB each.
      expect(held).toBeWithin(64 * 1024, 300 * 1024);
      weir.pass(5_000);
      expect(much.length - fast.unsentBytes).toBe(held);
      // The other direction is not held up.
      slow.send("still here");
      weir.pass();
      expect(fast.text).toBe("still here");
      slow.resume();
      weir.pass(120_000);
      expect(Buffer.from(slow.received).equals(much)).toBe(true);
      client.shutdown();
      server.shutdown();
      weir.pass();
      expect(weir.endings()).toEqual(["both sides ended"]);
      await weir.finish();
    },
  );

  test("a piece that waits for a side is no larger than 64 KiB, however much has come at once", async () => {
    const bytes = 1 << 20;
    const weir = new Weir(
      {},
      { segmentBytes: [bytes, bytes] as const, sendBufferBytes: [bytes, bytes] as const, receiveBufferBytes: bytes },
    );
    const { client, server } = weir.open();
    client.pause();
    server.send(Buffer.alloc(10 * bytes, "z"));
    weir.pass(1_000);
    expect(server.unsentBytes).toBeGreaterThan(bytes);
    expect(weir.conns[0]?.outbox.pending).toBeWithin(64 * 1024, 128 * 1024 + 1);
    client.resume();
    weir.pass(1_000);
    expect(client.received).toHaveLength(10 * bytes);
    await weir.finish();
  });

  const first = wholeNumber("WEIR_SEED", 1);
  const runs = wholeNumber("WEIR_RUNS", 60);

  test("whatever the network does, both sides get the other's bytes whole and in order, and each its end", async () => {
    for (let seed = first; seed < first + runs; seed++) {
      const prng = createPrng(seed);
      const weir = new Weir({ idleMs: 1e9, halfClosedMs: 1e9, stallMs: 1e9 }, ROUGH_NETWORK);
      const pairs = Array.from({ length: 3 }, () => weir.open());
      const said = pairs.map(() => ({ up: "", down: "" }));
      for (let move = 0; move < 60; move++) {
        const at = prng.between(0, 2);
        const [pair, words] = [pairs[at] as (typeof pairs)[0], said[at] as (typeof said)[0]];
        const word = `${move}:${"w".repeat(prng.between(0, 300))} `;
        const what = prng.next();
        if (what < 0.4) pair.client.send(((words.up += word), word));
        else if (what < 0.8) pair.server.send(((words.down += word), word));
        else if (what < 0.85) pair.client.pause();
        else if (what < 0.9) pair.server.pause();
        else if (what < 0.95) pair.client.resume();
        else pair.server.resume();
        weir.pass(prng.next() * 50);
      }
      for (const [i, { client, server }] of pairs.entries()) {
        client.resume();
        server.resume();
        (i % 2 === 0 ? client : server).shutdown();
      }
      weir.pass(60_000);
      for (const { client, server } of pairs) {
        client.shutdown();
        server.shutdown();
      }
      weir.pass(60_000);
      for (const [i, { client, server }] of pairs.entries())
        expect([seed, server.text, client.text]).toEqual([seed, said[i]?.up ?? "", said[i]?.down ?? ""]);
      expect([seed, ...weir.endings()]).toEqual([seed, ...pairs.map(() => "both sides ended")]);
      await weir.finish();
    }
  });
});

describe("deadlines of the proxy", () => {
  test("a server that never answers is given up after connectMs, and the client is cut off", async () => {
    const weir = new Weir({ connectMs: 2_000 }, { silent: [BEHIND.hostname] });
    const client = weir.mill.peer();
    weir.pass(1_900);
    expect(client.closed).toBe(false);
    weir.pass(200);
    expect([client.wasReset, weir.endings()]).toEqual([
      true,
      [expect.stringMatching(/^Cannot connect to 10\.0\.0\.2:7001: no answer came within 2000 ms$/)],
    ]);
    await weir.finish();
  });

  test("two silent sides are closed after idleMs, by a FIN each; a byte either way begins it anew", async () => {
    const weir = new Weir({ idleMs: 10_000 });
    const { client, server } = weir.open();
    for (let i = 0; i < 4; i++) {
      (i % 2 === 0 ? client : server).send(".");
      weir.pass(9_000);
    }
    expect([client.closed, client.ended, server.ended]).toEqual([false, false, false]);
    weir.pass(1_100);
    expect([client.ended, client.wasReset, server.ended, server.wasReset]).toEqual([true, false, true, false]);
    expect(weir.endings()).toEqual(["both sides were silent for 10000 ms"]);
    await weir.finish();
  });

  test("a carried byte arms no timer of the clock: it is looked at once a deadline", async () => {
    const weir = new Weir({ idleMs: 10_000 });
    const { client, server } = weir.open();
    client.send("warm");
    server.send("up");
    weir.pass();
    const { arms } = weir.mill.scheduler.timers;
    for (let i = 0; i < 100; i++) {
      client.send("question");
      server.send("answer");
      weir.pass(10);
    }
    expect(weir.mill.scheduler.timers.arms).toBe(arms);
    await weir.finish();
  });

  test("a side that has ended waits for halfClosedMs, not for idleMs, and then both are cut off", async () => {
    const weir = new Weir({ idleMs: 1_000_000, halfClosedMs: 5_000 });
    const { client, server } = weir.open();
    weir.pass(20_000);
    client.shutdown();
    weir.pass(4_900);
    expect(client.closed).toBe(false);
    server.send("late");
    weir.pass(4_900);
    expect([client.text, client.closed]).toEqual(["late", false]);
    weir.pass(200);
    expect([client.wasReset, server.wasReset, weir.endings()]).toEqual([
      true,
      true,
      ["one side had ended, the other was silent for 5000 ms"],
    ]);
    await weir.finish();
  });

  test.each(["client", "server"] as const)(
    "a %s that takes nothing for stallMs is cut off, however much the other has to say",
    async (who) => {
      const weir = new Weir(
        { stallMs: 7_000 },
        { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 },
      );
      const { client, server } = weir.open();
      const [slow, fast] = who === "client" ? [client, server] : [server, client];
      slow.pause();
      fast.send("x".repeat(1_000_000));
      weir.pass(6_900);
      expect([slow.closed, fast.closed]).toEqual([false, false]);
      weir.pass(200);
      slow.resume();
      weir.pass();
      expect([slow.wasReset, fast.wasReset]).toEqual([true, true]);
      expect(weir.reports).toMatchObject([{ ending: `the ${who} took nothing for 7000 ms`, isFault: true }]);
      await weir.finish();
    },
  );

  test("a side that takes a little now and then is slow, not stalled", async () => {
    const weir = new Weir({ stallMs: 7_000 }, { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 });
    const { client, server } = weir.open();
    const much = "y".repeat(600_000);
    client.pause();
    server.send(much);
    for (let i = 0; i < 200 && client.received.length < much.length; i++) {
      weir.pass(2_000);
      client.resume();
      weir.pass(2);
      client.pause();
    }
    expect([client.closed, client.received.length > 300_000]).toEqual([false, true]);
    client.resume();
    weir.pass(20_000);
    expect(client.text === much).toBe(true);
    await weir.finish();
  });

  test("a stalled side whose peer is silent is cut off by the clock when idleMs is the shorter one", async () => {
    const weir = new Weir(
      { stallMs: 50_000, idleMs: 8_000 },
      { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 },
    );
    const { client, server } = weir.open();
    client.pause();
    server.send("z".repeat(1_000_000));
    weir.pass(8_200);
    client.resume();
    weir.pass();
    // No FIN: it has not got everything.
    expect([client.ended, client.wasReset, server.wasReset]).toEqual([false, true, true]);
    expect(weir.reports).toMatchObject([{ ending: "both sides were silent for 8000 ms", isFault: true }]);
    await weir.finish();
  });

  test("a session that has lasted totalMs is cut off in the middle", async () => {
    const weir = new Weir({ totalMs: 60_000 });
    const { client, server } = weir.open();
    for (let i = 0; i < 59; i++) {
      client.send(".");
      weir.pass(1_000);
    }
    expect(client.closed).toBe(false);
    client.send(".");
    weir.pass(1_100);
    expect([client.wasReset, server.wasReset, server.text.length]).toEqual([true, true, 60]);
    expect(weir.endings()).toEqual(["it has lasted 60000 ms"]);
    await weir.finish();
  });
});

describe("the end of the proxy", () => {
  test("silent sessions are closed, one that carries something goes on to its end, and nobody new gets in", async () => {
    const weir = new Weir({ drainIdleMs: 1_000 });
    const [silent, busy] = [weir.open(), weir.open()];
    weir.pass(10_000);
    busy.client.send("go on");
    weir.pass();
    weir.task.cancel();
    for (let i = 0; i < 8; i++) {
      busy.server.send(`${i} `);
      weir.pass(500);
    }
    const late = weir.mill.peer();
    weir.pass();
    expect([silent.client.ended, silent.client.wasReset, silent.server.ended]).toEqual([true, false, true]);
    expect([late.opened, busy.client.ended, weir.proxy.sessions]).toEqual([false, false, 1]);
    busy.server.shutdown();
    busy.client.shutdown();
    weir.pass();
    expect([busy.client.text, busy.client.wasReset]).toEqual(["0 1 2 3 4 5 6 7 ", false]);
    expect(weir.endings()).toEqual(["the proxy closes", "both sides ended"]);
    await weir.finish();
  });

  test("a session that waits for an answer, or for a slow side, is not silent, and is closed once it is", async () => {
    const weir = new Weir(
      { drainIdleMs: 1_000 },
      { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 },
    );
    const [waiting, slow] = [weir.open(), weir.open()];
    waiting.client.send("question");
    waiting.client.shutdown();
    slow.client.pause();
    slow.server.send("x".repeat(300_000));
    weir.pass();
    weir.task.cancel();
    weir.pass(5_000);
    expect([waiting.client.closed, slow.client.closed, weir.proxy.sessions]).toEqual([false, false, 2]);
    waiting.server.send("answer");
    waiting.server.shutdown();
    slow.client.resume();
    weir.pass(900);
    expect([waiting.client.text, waiting.client.wasReset, slow.client.ended]).toEqual(["answer", false, false]);
    weir.pass(500);
    expect([slow.client.received.length, slow.client.ended, slow.client.wasReset]).toEqual([300_000, true, false]);
    expect(weir.endings()).toEqual(["both sides ended", "the proxy closes"]);
    await weir.finish();
  });

  test("a session that will not end is cut off when the grace is over", async () => {
    const weir = new Weir({}, {}, 5_000);
    const { client, server } = weir.open();
    weir.task.cancel();
    for (let i = 0; i < 49; i++) {
      server.send(".");
      weir.pass(100);
    }
    expect(client.closed).toBe(false);
    server.send(".");
    weir.pass(200);
    expect([client.wasReset, server.wasReset]).toEqual([true, true]);
    expect(weir.reports).toMatchObject([{ ending: "the proxy did not wait any longer", isFault: true }]);
    await weir.finish();
  });
});

describe("addressOf", () => {
  test.each([
    ["6379", { port: 6_379 }],
    ["mill.example:80", { hostname: "mill.example", port: 80 }],
    ["[::1]:65535", { hostname: "::1", port: 65_535 }],
    ["unix:/run/a.sock", { unix: "/run/a.sock" }],
  ])("addressOf reads %s", (text, address) => {
    expect(addressOf(text)).toEqual(address);
  });

  test.each(["", "0", "65536", "host", "host:", "host:0", "::1:80", "[::1]", "unix:", "a:b:1"])(
    "addressOf refuses %p",
    (text) => {
      expect(() => addressOf(text)).toThrow(/^Cannot carry connections to .*: expected HOST:PORT or unix:PATH$/);
    },
  );
});
