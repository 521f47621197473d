// How a connection is dialled so that it can be given up: with a socket of node:net's, whose `_handle` is one of Bun's sockets and is taken over.
// bun/dial.ts rests on each of these.

import { describe, expect, test } from "bun:test";
import { Socket as NodeSocket } from "node:net";

import { SilentListener } from "./silent-listener.ts";
import { EventLog, isLinux, LOOPBACK, recorded, turns } from "./support.ts";

const SILENT = { data: () => undefined };

/** The property that node:net keeps its socket in. */
const HANDLE = "_handle";

interface Taken {
  [HANDLE]: Bun.Socket<undefined> | null;
}

/** Dials `port` and gives node:net's socket, and what it emits. */
function dial(port: number, log: EventLog): NodeSocket & Taken {
  const socket = new NodeSocket({ allowHalfOpen: true });
  for (const event of ["connect", "data", "end", "close", "drain"]) socket.on(event, () => log.record(`node.${event}`));
  socket.on("error", (error: Error & { code?: string }) => log.record(`node.error(${error.code})`));
  socket.connect({ host: LOOPBACK, port, autoSelectFamily: false });
  return socket as unknown as NodeSocket & Taken;
}

describe("the handle of a node:net socket", () => {
  test("_handle is there before the connection stands, and is a socket of Bun's", () => {
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: SILENT });
    const socket = dial(listener.port, new EventLog());
    expect(socket[HANDLE]).not.toBeNull();
    expect(Object.prototype.toString.call(socket[HANDLE])).toBe("[object TCPSocket]");
    for (const name of ["write", "shutdown", "end", "terminate", "pause", "resume", "reload", "upgradeTLS"] as const)
      expect(socket[HANDLE]?.[name]).toBeFunction();
    socket.destroy();
    listener.stop(true);
  });

  test("_handle taken over after connect tells our callbacks everything, and node:net nothing", async () => {
    const log = new EventLog();
    const served: Bun.Socket[] = [];
    const open = (socket: Bun.Socket): void => {
      served.push(socket);
      socket.write("welcome");
    };
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, allowHalfOpen: true, socket: { ...SILENT, open } });
    const socket = dial(listener.port, log);
    socket.on("connect", () => {
      queueMicrotask(() => {
        const raw = socket[HANDLE] as Bun.Socket<undefined>;
        socket[HANDLE] = null;
        raw.reload({ socket: recorded(log, "client") });
      });
    });
    await log.seen("client.data(7)");
    // A FIN does not close it: allowHalfOpen was handed on.
    served[0]?.shutdown();
    await log.seen("client.end");
    await turns(5);
    served[0]?.terminate();
    await log.seen("client.close");
    expect(log.entries.filter((entry) => entry.startsWith("node."))).toEqual(["node.connect"]);
    listener.stop(true);
  });

  // Why it is taken over in a microtask: within the event node:net is in the middle of its own open callback.
  test("_handle that is taken over within the connect event has node:net throw into our callbacks", async () => {
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: SILENT });
    const socket = dial(listener.port, log);
    const raw = socket[HANDLE] as Bun.Socket<undefined>;
    socket.on("connect", () => {
      raw.reload({ socket: recorded(log, "client", { error: (_socket, error) => log.record(error.name) }) });
      raw.data = undefined;
    });
    await log.seen("TypeError");
    raw.terminate();
    listener.stop(true);
  });
});

describe.skipIf(!isLinux)("a connection that nobody answers", () => {
  // The reason for all of this. Bun.connect gives a promise, and no socket before the connection stands.
  test("destroy of a node:net socket stops its attempt; a signal does not stop one of Bun.connect", async () => {
    await using listener = await SilentListener.start();
    const { port, waiting } = listener;
    const abort = new AbortController();
    const options = { hostname: LOOPBACK, port, socket: SILENT, signal: abort.signal };
    const attempt = Bun.connect(options).catch(() => null);
    const socket = dial(port, new EventLog());
    await listener.has(waiting + 2);
    abort.abort();
    await turns(5);
    expect(listener.waiting).toBe(waiting + 2);
    socket.destroy();
    await listener.has(waiting + 1);
    void attempt.then((made) => made?.terminate());
  });
});
