// What only the Bun host has: a loop that turns by itself, a process that ends. What it shares with the simulated one is in test/contract; how the
// loop itself behaves is in test/bun-contract.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BunHost } from "../../src/bun/host.ts";
import { Net } from "../contract/net.ts";
import { BunWorld } from "../contract/world.ts";

test("BunHost.defer starves neither sockets nor alarms when each turn asks for the next", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const { client, server } = await net.pair();
  let alarmed = false;
  let stop = false;
  world.client = {
    turn() {
      if (!stop) world.host.defer();
    },
    alarm() {
      alarmed = true;
      world.poke();
    },
    stalled() {},
  };
  world.host.defer();
  world.host.wakeAt(world.host.now() + 2);
  client.send("x");
  await world.until(() => alarmed && server.bytes === 1, "an alarm and a byte");
  stop = true;
});

test("BunHost.wakeAt takes a deadline further off than setTimeout can say", async () => {
  await using world = new BunWorld();
  let alarms = 0;
  world.client = { turn() {}, alarm: () => void alarms++, stalled() {} };
  world.host.wakeAt(world.host.now() + 100 * 365 * 86_400_000);
  // setTimeout would fire at once for what it cannot say.
  await world.pass(5);
  world.host.wakeAt(Number.POSITIVE_INFINITY);
  expect(alarms).toBe(0);
});

test("BunHost is in development under bun test", () => {
  expect(new BunHost().development).toBe(true);
});

describe("BunHost in a process of its own", () => {
  test("BunHost says stalled when the loop is empty, and the process can go on", async () => {
    const { out, exitCode } = await script(`
      let stalls = 0;
      host.attach({
        turn() { console.log("turn"); },
        alarm() {},
        stalled() {
          console.log("stalled");
          if (stalls++ === 0) host.defer();
        },
      });
      host.wakeAt(host.now() + 1);
    `);
    expect(out).toBe("stalled\nturn\nstalled\n");
    expect(exitCode).toBe(0);
  });

  test("BunHost does not say stalled while a listener or an alarm is open", async () => {
    const { out } = await script(`
      let closed = false;
      host.attach({
        turn() {},
        alarm() { closed = true; listener.stop(); },
        stalled() { console.log("stalled", closed); },
      });
      const listener = host.transport.listen({ port: 0 }, () => null);
      host.wakeAt(host.now() + 20);
    `);
    expect(out).toBe("stalled true\n");
  });

  test("BunHost.wakeAt with Infinity lets the process end", async () => {
    const { exitCode } = await script(`
      host.attach({ turn() {}, alarm() {}, stalled() {} });
      host.wakeAt(host.now() + 3_600_000);
      host.wakeAt(Infinity);
    `);
    expect(exitCode).toBe(0);
  });

  test("BunHost.fatal ends the process with the error, also out of a socket's callback", async () => {
    const { out, err, exitCode } = await script(`
      host.attach({ turn() {}, alarm() {}, stalled() {} });
      const quiet = { socketData() {}, socketDrained() {}, socketEnded() {}, socketClosed() {} };
      const listener = host.transport.listen({ port: 0 }, () => ({ ...quiet, socketData() {
        host.fatal(new Error("an invariant is broken"));
        console.log("the callback goes on");
      } }));
      host.transport.connect({ port: listener.port }, (socket) => {
        socket.write(new Uint8Array(1), 0, 1);
        return quiet;
      }, () => {});
    `);
    expect(out).toBe("the callback goes on\n");
    expect(err).toContain("an invariant is broken");
    expect(exitCode).toBe(1);
  });

  test("BunTransport ends the process when a callback throws, where Bun alone would go on", async () => {
    const { err, exitCode } = await script(`
      host.attach({ turn() {}, alarm() {}, stalled() {} });
      const quiet = { socketData() {}, socketDrained() {}, socketEnded() {}, socketClosed() {} };
      const listener = host.transport.listen({ port: 0 }, () => ({ ...quiet, socketData() {
        throw new Error("a callback failed");
      } }));
      host.transport.connect({ port: listener.port }, (socket) => {
        socket.write(new Uint8Array(1), 0, 1);
        return quiet;
      }, () => {});
    `);
    expect(err).toContain("a callback failed");
    expect(exitCode).toBe(1);
  });

  test("BunHost.report prints to stderr", async () => {
    const { out, err } = await script(`host.report("look here");`);
    expect([out, err]).toEqual(["", "millrace: look here\n"]);
  });
});

/** Runs `source`, which finds a `host`, in a process of its own to its end. */
async function script(source: string): Promise<{ out: string; err: string; exitCode: number }> {
  const path = join(import.meta.dir, "../../src/bun/host.ts");
  const program = `import { BunHost } from ${JSON.stringify(path)};\nconst host = new BunHost();\n${source}`;
  await using child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "pipe", timeout: 10_000 });
  const [out, err, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, exitCode };
}
