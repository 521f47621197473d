// TCP keep-alive of Bun's sockets, as the kernel has it: the timer of a socket stands in /proc.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { isLinux, Pair, turns } from "./support.ts";

/** Seconds until the kernel asks the peer, of the sockets of `port` that have such a timer. */
function keepAliveSeconds(port: number): number[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const seconds: number[] = [];
  for (const line of readFileSync("/proc/self/net/tcp", "utf8").split("\n")) {
    const [, local, remote, , , timer] = line.trim().split(/\s+/);
    // 02 is the timer of keep-alive; it counts in hundredths.
    if ((local?.endsWith(hex) === true || remote?.endsWith(hex) === true) && timer?.startsWith("02:") === true)
      seconds.push(Math.round(Number.parseInt(timer.slice(3), 16) / 100));
  }
  return seconds;
}

describe.skipIf(!isLinux)("socket.setKeepAlive", () => {
  test("socket.setKeepAlive takes ms, and is off without it", async () => {
    await using pair = await Pair.open();
    const { port } = pair.listener;
    expect(keepAliveSeconds(port)).toEqual([]);
    expect(pair.client.setKeepAlive(true, 45_000)).toBe(true);
    expect(keepAliveSeconds(port)).toEqual([45]);
  });

  test("socket.setKeepAlive works before and after a TLS handshake", async () => {
    await using pair = await Pair.open({
      tls: true,
      server: { open: (socket) => void socket.setKeepAlive(true, 60_000) },
    });
    pair.client.setKeepAlive(true, 60_000);
    const seconds = (): number[] => keepAliveSeconds(pair.listener.port);
    // While bytes are on their way the kernel shows the timer of those.
    while (seconds().length < 2) await turns(1);
    expect(seconds()).toEqual([60, 60]);
  });

  // Why delays below a second are refused: they would be two hours.
  test("socket.setKeepAlive cuts down to whole seconds, and leaves the kernel's two hours for none", async () => {
    await using pair = await Pair.open();
    pair.client.setKeepAlive(true, 1_999);
    expect(keepAliveSeconds(pair.listener.port)).toEqual([1]);
    pair.server.setKeepAlive(true, 999);
    expect(keepAliveSeconds(pair.listener.port).toSorted((a, b) => a - b)).toEqual([1, 7_200]);
  });

  test("socket.setKeepAlive gives false on a unix socket", async () => {
    const unix = `\0millrace-keep-alive-${process.pid}`;
    using listener = Bun.listen({ unix, socket: { data: () => undefined } });
    const socket = await Bun.connect({ unix, socket: { data: () => undefined } });
    expect(socket.setKeepAlive(true, 1_000)).toBe(false);
    socket.terminate();
    listener.stop(true);
  });

  test("socket.setKeepAlive throws for a part of a ms and for what its range does not hold", async () => {
    await using pair = await Pair.open();
    expect(() => pair.client.setKeepAlive(true, 0.5)).toThrow("must be of type integer");
    expect(() => pair.client.setKeepAlive(true, -1)).toThrow("out of range");
    expect(() => pair.client.setKeepAlive(true, 1e12)).toThrow("out of range");
  });
});
