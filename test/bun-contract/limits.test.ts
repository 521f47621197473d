// File descriptors and the socket timer: why millrace caps its connections below the limit and has clocks of its own. The
// descriptor limits are tried out in child processes under ulimit; what they burn is compared with a child that is idle.

import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { Child } from "./child.ts";
import { EventLog, LOOPBACK, Pair, isLinux, turns } from "./support.ts";

const FILES_MAX = 48;
const CLIENTS = 80;
const SPINNING_RATIO_MIN = 4;

/** Listens, and when poked reports what it opened and how much CPU 30 timers of 10 ms took, errors before it. */
const listening = (open: string): string => `
  let opened = 0;
  process.on("uncaughtException", (error) => console.log("uncaught", error.message));
  const socket = { open(socket) { opened++; ${open} }, data() {}, error(_, error) { console.log("error", error.message); } };
  console.log(Bun.listen({ hostname: "127.0.0.1", port: 0, socket }).port);
  process.stdin.on("data", async () => {
    const before = process.cpuUsage();
    for (let tick = 0; tick < 30; tick++) await Bun.sleep(10);
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({ opened, cpuUs: user + system }));
  });`;

interface Usage {
  readonly opened: number;
  readonly cpuUs: number;
}

/** What `child` reports with `clients` connections to it. The descriptors of its own standard streams count as well. */
async function usageWith(clients: number, open = ""): Promise<Usage> {
  await using child = new Child(listening(open), { filesMax: FILES_MAX });
  const port = Number(await child.line());
  const log = new EventLog();
  const handlers = { data: () => undefined, close: () => log.record("close") };
  const sockets: Socket[] = [];
  // All of them connect: the kernel's queue takes those that the child cannot accept.
  for (let made = 0; made < clients; made++) {
    sockets.push(await Bun.connect({ hostname: LOOPBACK, port, socket: handlers }));
  }
  if (open !== "") await log.until(() => log.entries.length >= clients - 10);
  child.poke();
  const report = JSON.parse((await child.line()) ?? "null") as Usage;
  for (const socket of sockets) socket.terminate();
  return report;
}

describe("file descriptors", () => {
  // Why serve() has connectionsMax below the limit: nothing tells when it is passed (oven-sh/bun PR 32705).
  test.skipIf(!isLinux)("Bun.listen spins without any error event when descriptors run out", async () => {
    const idle = await usageWith(10);
    const exhausted = await usageWith(CLIENTS);
    expect(idle.opened).toBe(10);
    expect(exhausted.opened).toBeLessThan(FILES_MAX);
    expect(exhausted.cpuUs).toBeGreaterThan(idle.cpuUs * SPINNING_RATIO_MIN);
  });

  // How it refuses: the descriptor of the refused socket is free at once, so the accept loop gets through its queue.
  test.skipIf(!isLinux)(
    "socket.terminate in open brings a listener through its whole queue below the limit",
    async () => {
      const capped = await usageWith(CLIENTS, "if (opened > 10) socket.terminate()");
      expect(capped.opened).toBe(CLIENTS);
    },
  );

  // The default of connectionsMax is derived from the hard limit: the soft one is not what applies.
  test.skipIf(!isLinux)("Bun raises its soft limit of open files to the hard limit", async () => {
    const script = `const text = await Bun.file("/proc/self/limits").text();
      console.log(/Max open files +(\\d+) +(\\d+)/.exec(text).slice(1).join(" "))`;
    await using child = new Child(script, { softFilesMax: 100, filesMax: 200 });
    expect(await child.line()).toBe("200 200");
  });
});

describe("socket.timeout", () => {
  // Why the four clocks of a connection are our timers: 1 s and 4 s fall on the same edge of a 4 s grid, so one of them is
  // up to 3 s early or late, and the socket stays open. This test takes up to 4 s.
  test("socket.timeout of 1 s and of 4 s fire together and close nothing", async () => {
    const log = new EventLog();
    const timeout = (name: string) => (): void => {
      if (log.entries.length === 0) setImmediate(() => log.record("round over"));
      log.record(name);
    };
    await using first = await Pair.open({ server: { timeout: timeout("1 s") } });
    await using second = await Pair.open({ server: { timeout: timeout("4 s") } });
    first.server.timeout(1);
    second.server.timeout(4);
    await log.seen("round over", 9_000);
    expect(log.entries.toSorted()).toEqual(["1 s", "4 s", "round over"]);
    expect(log.entries.at(-1)).toBe("round over");
    await turns(2);
    expect([first.hasClosed("server"), second.hasClosed("server")]).toEqual([false, false]);
    first.client.write("still here");
    await first.log.seen("server.data");
  }, 10_000);
});
