// upgradeTLS in mid-connection, as STARTTLS needs it, for both sides: which socket is told what, and what fails within the call.

import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { EventLog, Pair, recorded, turns } from "./support.ts";

const CLIENT = { ca: SELF_SIGNED.cert, serverName: "localhost" };

/** Upgrades one side of a plain pair and gives the socket that stands for it from now on. `data` tells whose callbacks are called. */
function upgrade(log: EventLog, socket: Socket, side: "server" | "client", early?: Uint8Array): Socket {
  const options = {
    ...(side === "server" ? { isServer: true, tls: SELF_SIGNED } : { tls: CLIENT }),
    ...(early === undefined ? {} : { initialData: early }),
    socket: recorded(log, side, { handshake: () => undefined }),
  };
  const [, secure] = socket.upgradeTLS(options as unknown as Bun.TLSUpgradeOptions<undefined>);
  return secure as unknown as Socket;
}

/** Both sides upgraded, and their handshakes done. */
async function upgraded(pair: Pair, log: EventLog): Promise<{ server: Socket; client: Socket }> {
  const server = upgrade(log, pair.server, "server");
  const client = upgrade(log, pair.client, "client");
  await log.seen("server.handshake(true)");
  await log.seen("client.handshake(true)");
  return { server, client };
}

describe("socket.upgradeTLS on both sides", () => {
  test("socket.upgradeTLS calls open within itself, and handshake when a write is taken", async () => {
    await using pair = await Pair.open();
    const log = new EventLog();
    const server = upgrade(log, pair.server, "server");
    expect(log.entries).toEqual(["server.open"]);
    expect(server.write("too early")).toBeLessThanOrEqual(0);
    const client = upgrade(log, pair.client, "client");
    await log.seen("server.handshake(true)");
    expect([server.write("hello"), client.write("hello")]).toEqual([5, 5]);
    await log.seen("client.data(5)");
    await log.seen("server.data(5)");
    client.terminate();
  });

  // The conn has to hold the new socket: the old one is a shell.
  test("terminate of the old socket does nothing, and of the new one closes both, the old one first", async () => {
    const log = new EventLog();
    await using pair = await Pair.open();
    const { server } = await upgraded(pair, log);
    pair.server.terminate();
    await turns(5);
    expect(pair.hasClosed("server")).toBe(false);
    server.terminate();
    expect(pair.hasClosed("server")).toBe(true);
    await log.seen("server.close");
  });

  test("socket.terminate in mid-handshake calls handshake with false and close before it returns", async () => {
    await using pair = await Pair.open();
    const log = new EventLog();
    const client = upgrade(log, pair.client, "client");
    client.terminate();
    expect(log.entries.map((entry) => entry.replace(/\(ECONNRESET\)/, ""))).toEqual([
      "client.open",
      "client.handshake(false)",
      "client.close",
    ]);
  });

  // Why a failure within the call is told after it.
  test("socket.upgradeTLS given early bytes that are no handshake fails and closes before it returns", async () => {
    await using pair = await Pair.open();
    const log = new EventLog();
    const server = upgrade(log, pair.server, "server", Buffer.from("EHLO example.org\r\n"));
    expect(log.sequence("server")).toEqual(["open", "handshake(false)", "close"]);
    expect(server.readyState).toBe(-1);
  });

  // A client whose hello came in the same segment as its command.
  test("socket.upgradeTLS takes the first bytes of a handshake as initialData", async () => {
    const log = new EventLog();
    const upgradeWith = (socket: Socket, early: Uint8Array): void => {
      if (!log.entries.includes("server.open")) upgrade(log, socket, "server", early);
    };
    await using pair = await Pair.open({ server: { data: (socket, bytes) => upgradeWith(socket, bytes) } });
    const client = upgrade(log, pair.client, "client");
    await log.seen("client.handshake(true)");
    client.write("ping");
    await log.seen("server.data(4)");
    client.terminate();
  });

  test("an upgraded socket lives on when nobody holds the old one", async () => {
    const log = new EventLog();
    await using pair = await Pair.open();
    const { server, client } = await upgraded(pair, log);
    (pair as { server: Socket | null }).server = null;
    Bun.gc(true);
    await turns(2);
    client.write("still here");
    await log.seen("server.data(10)");
    server.terminate();
  });

  test("half-close works both ways over an upgraded connection", async () => {
    const log = new EventLog();
    await using pair = await Pair.open();
    const { server, client } = await upgraded(pair, log);
    client.write("last words");
    client.shutdown();
    await log.seen("server.end");
    expect(server.write("the answer")).toBe(10);
    await log.seen("client.data(10)");
    server.shutdown();
    await log.seen("client.end");
  });
});
