// Certificates by the name that a client asks for. Bun.listen takes one set of tls options (tls.test.ts); but sockets have a callback that Bun's types do not
// know, `serverName`, which node:tls builds its SNICallback on. bun/tls.ts rests on it.

import { describe, expect, test } from "bun:test";
import { createSecureContext } from "node:tls";

import type { Socket, TLSOptions } from "bun";

import { CHAINED, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { LOOPBACK } from "./support.ts";

type ServerName = (data: unknown, asked: string) => unknown;

const IGNORE = { data: () => undefined };
const ALPNProtocols = new Uint8Array(Buffer.from("\x04echo")) as never;
const { context } = createSecureContext(CHAINED);

/** Accepts one connection over TLS by a listener's own socket, or by an upgraded one, and tells what its client was shown. */
async function shownTo(
  client: TLSOptions,
  serverName: ServerName,
  { upgrades = false, opened }: { upgrades?: boolean; opened?: (socket: Socket) => void } = {},
): Promise<{ success: boolean; certificate: string | undefined; alpn: unknown }> {
  const tls = { ...SELF_SIGNED, ALPNProtocols };
  const secure = { ...IGNORE, handshake: () => undefined, serverName };
  const upgrade = (socket: Socket): void => {
    const options = { isServer: true, tls, data: "the data", socket: secure };
    socket.upgradeTLS(options as unknown as Bun.TLSUpgradeOptions<undefined>);
  };
  const own = { tls, data: "the data", socket: { ...secure, open: (socket: Socket) => opened?.(socket) } };
  const plain = { socket: { drain: () => undefined, open: upgrade } };
  const listener = Bun.listen({
    hostname: LOOPBACK,
    port: 0,
    ...(upgrades ? plain : own),
  } as unknown as Bun.TCPSocketListenOptions);
  const told = Promise.withResolvers<{ success: boolean; certificate: string | undefined; alpn: unknown }>();
  const socket = await Bun.connect({
    hostname: LOOPBACK,
    port: listener.port,
    tls: { rejectUnauthorized: false, ALPNProtocols, ...client },
    socket: {
      ...IGNORE,
      error: () => undefined,
      handshake: (raw, success) =>
        told.resolve({
          success,
          certificate: (raw.getPeerCertificate() as { fingerprint256?: string } | undefined)?.fingerprint256,
          alpn: raw.alpnProtocol,
        }),
    },
  });
  const shown = await told.promise;
  socket.terminate();
  listener.stop(true);
  return shown;
}

describe.each([
  ["a listener's own socket", false],
  ["an upgraded socket", true],
])("serverName of %s", (_what, upgrades) => {
  test("the callback is called with data and the name, and the context that it gives is used, with ALPN as it was", async () => {
    const calls: unknown[] = [];
    const choose: ServerName = (data, asked) => {
      calls.push([data, asked]);
      return asked === "b.test" ? context : undefined;
    };
    const own = await shownTo({ serverName: "a.test" }, choose, { upgrades });
    const other = await shownTo({ serverName: "b.test" }, choose, { upgrades });
    expect(calls).toEqual([
      ["the data", "a.test"],
      ["the data", "b.test"],
    ]);
    expect([own.alpn, other.alpn]).toEqual(["echo", "echo"]);
    expect(other.certificate).not.toBe(own.certificate as string);
  });

  // Why ours never throws.
  test("a throw in the callback ends the handshake", async () => {
    const choose: ServerName = () => {
      throw new Error("no such name");
    };
    expect(await shownTo({ serverName: "b.test" }, choose, { upgrades })).toMatchObject({ success: false });
  });
});

// Why a listener with names upgrades its sockets one by one: a certificate could not be reloaded otherwise.
test("socket.setKeyCert in open silences serverName", async () => {
  const calls: string[] = [];
  const choose: ServerName = (_data, asked) => void calls.push(asked);
  const opened = (socket: Socket): void => (socket as unknown as { setKeyCert(to: unknown): void }).setKeyCert(context);
  await shownTo({ serverName: "b.test" }, choose, { opened });
  expect(calls).toEqual([]);
});
