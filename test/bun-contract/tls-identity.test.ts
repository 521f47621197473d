// Who is who in TLS on Bun's sockets: what counts as a verified peer, when a handshake is called done although the peer is not trusted, and how a
// server's certificate is changed without a restart. bun/tls.ts decides by `authorized` because of these.

import { describe, expect, test } from "bun:test";
import { createSecureContext } from "node:tls";

import type { Socket, TLSOptions } from "bun";

import { CHAINED, pem, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { Child } from "./child.ts";
import { EventLog, LOOPBACK, turns } from "./support.ts";

const ROOT = pem("chain-root");
const CLIENT = { ca: SELF_SIGNED.cert, serverName: "localhost" };

/** What Bun's own types leave out. */
type Undocumented = Socket & { setKeyCert(context: object): void };

/** One handshake, and what each side was told of it. */
async function shake(
  server: TLSOptions,
  client: TLSOptions,
  opened?: (socket: Undocumented) => void,
): Promise<string[]> {
  const log = new EventLog();
  const told = (role: string) => ({
    data: (_socket: Socket, bytes: Uint8Array) => log.record(`${role} data ${Buffer.from(bytes).toString()}`),
    handshake: (socket: Socket, success: boolean, error: Error | null) => {
      const { code = "none", message = "" } = (error ?? {}) as { code?: string; message?: string };
      const reason = code === "EPROTO" ? message.slice(message.lastIndexOf(":") + 1) : code;
      log.record(`${role} ${success} ${socket.authorized} ${reason}`);
      if (success) socket.write("hi");
    },
    error: (_socket: Socket, error: Error) => log.record(`${role} error ${(error as { code?: string }).code}`),
    close: () => log.record(`${role} close`),
    end: () => log.record(`${role} end`),
  });
  using listener = Bun.listen({
    hostname: LOOPBACK,
    port: 0,
    tls: server,
    socket: { ...told("server"), open: (socket) => opened?.(socket as unknown as Undocumented) },
  });
  const socket = await Bun.connect({ hostname: LOOPBACK, port: listener.port, tls: client, socket: told("client") });
  await log.until(() => log.entries.some((entry) => /^client (?:data|end|close)/.test(entry)));
  await turns(10);
  socket.terminate();
  listener.stop(true);
  return log.entries;
}

describe("a server that asks for certificates", () => {
  const asking = { ...SELF_SIGNED, requestCert: true, rejectUnauthorized: true, ca: ROOT };

  test("handshake tells a client with a certificate of the ca as authorized", async () => {
    expect(await shake(asking, { ...CLIENT, ...CHAINED })).toContain("server true true none");
  });

  // The trap: whoever takes `true` for an answer has let a stranger in, if only until the close.
  test("handshake gets true for a certificate that is not trusted, with authorized false, and the close comes later", async () => {
    const told = await shake(asking, { ...CLIENT, ...SELF_SIGNED });
    expect(told).toContain("server true false DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(told.indexOf("server close")).toBeGreaterThan(told.indexOf("server true false DEPTH_ZERO_SELF_SIGNED_CERT"));
  });

  // In TLS 1.3 the client is done first: it learns of the refusal as a broken connection.
  test("handshake gets false for a client without a certificate, whose own handshake was done before", async () => {
    const told = await shake(asking, CLIENT);
    expect(told).toContain("server false false PEER_DID_NOT_RETURN_A_CERTIFICATE");
    expect(told).toContain("client true true none");
    expect(told).toContain("client error EPROTO");
  });

  // Optional certificates: who is trusted has to be asked, and who has none cannot be told from who has a bad one by the error's code.
  test("handshake gets true for anybody with rejectUnauthorized false; only authorized and the certificate tell", async () => {
    const lenient = { ...asking, rejectUnauthorized: false };
    for (const [client, certificate] of [
      [CLIENT, false],
      [{ ...CLIENT, ...SELF_SIGNED }, true],
    ] as const) {
      const seen = Promise.withResolvers<unknown>();
      using listener = Bun.listen({
        hostname: LOOPBACK,
        port: 0,
        tls: lenient,
        socket: {
          data: () => undefined,
          handshake: (socket, success) =>
            seen.resolve([success, socket.authorized, socket.getPeerCertificate() !== undefined]),
        },
      });
      const options = { hostname: LOOPBACK, port: listener.port, tls: client, socket: { data: () => undefined } };
      const socket = await Bun.connect(options);
      expect(await seen.promise).toEqual([true, false, certificate]);
      socket.terminate();
      listener.stop(true);
    }
  });
});

describe("a client", () => {
  const refused: readonly [string, TLSOptions, TLSOptions, string][] = [
    ["nobody has signed", SELF_SIGNED, { ca: ROOT, serverName: "localhost" }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    [
      "has expired",
      { key: SELF_SIGNED.key, cert: pem("expired-cert") },
      { ca: pem("expired-cert"), serverName: "localhost" },
      "CERT_HAS_EXPIRED",
    ],
    ["has another name", SELF_SIGNED, { ...CLIENT, serverName: "example.org" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ];
  for (const [state, server, client, reason] of refused) {
    test(`handshake gets false and the reason for a certificate that ${state}, then close`, async () => {
      const told = await shake(server, client);
      expect(told).toContain(`client false false ${reason}`);
      expect(told).toContain("client close");
    });
  }

  // Why a client that is told not to look does not wait for a close.
  test("handshake gets false for a certificate of another name with rejectUnauthorized false, and goes on", async () => {
    const told = await shake(SELF_SIGNED, { serverName: "example.org", rejectUnauthorized: false });
    expect(told).toContain("client false false DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(told).toContain("client data hi");
  });

  test("handshake fails when both sides name protocols and have none in common", async () => {
    const [h2, http1] = ["\x02h2", "\x08http/1.1"].map((wire) => new Uint8Array(Buffer.from(wire)));
    const told = await shake(
      { ...SELF_SIGNED, ALPNProtocols: h2 as never },
      { ...CLIENT, ALPNProtocols: http1 as never },
    );
    expect(told).toContain("server false false NO_APPLICATION_PROTOCOL");
    expect(told).toContain("client false false TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
  });

  // Why a client without a name is refused before it connects.
  test("a certificate is taken whatever its name over a unix socket, where no serverName is given", async () => {
    const unix = `\0millrace-identity-${process.pid}`;
    using listener = Bun.listen({ unix, tls: SELF_SIGNED, socket: { data: () => undefined } });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = await Bun.connect({
      unix,
      tls: { ca: SELF_SIGNED.cert },
      socket: { data: () => undefined, handshake: (_socket, success) => resolve(success) },
    });
    expect(await promise).toBe(true);
    socket.terminate();
    listener.stop(true);
  });

  // Why `rejectUnauthorized: true` is said outright.
  test("verification is switched off by the environment, unless rejectUnauthorized is given", async () => {
    const script = `
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
      const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, tls: ${JSON.stringify(SELF_SIGNED)}, socket: { data() {} } });
      const answer = (options) => new Promise((resolve) => Bun.connect({
        hostname: "127.0.0.1", port: listener.port, tls: { serverName: "localhost", ...options },
        socket: { data() {}, handshake: (socket, success) => { socket.terminate(); resolve(success); } },
      }));
      console.log(await answer({}), await answer({ rejectUnauthorized: true }));
      process.exit();`;
    await using child = new Child(script);
    expect(await child.line()).toBe("true false");
  });
});

describe("setKeyCert", () => {
  // How a certificate is reloaded: no listener is touched, and each connection is told once, before its handshake.
  test("socket.setKeyCert in open changes the certificate of that connection, chain included", async () => {
    const { context } = createSecureContext(CHAINED);
    const told = await shake(SELF_SIGNED, { ca: ROOT, serverName: "localhost" }, (socket) =>
      socket.setKeyCert(context as object),
    );
    expect(told).toContain("client true true none");
  });

  // Why a listener with ALPN upgrades its sockets one by one.
  test("socket.setKeyCert takes the protocols of ALPN away", async () => {
    const { context } = createSecureContext(CHAINED);
    const ALPNProtocols = new Uint8Array(Buffer.from("\x04echo")) as never;
    const agreed = Promise.withResolvers<unknown>();
    using listener = Bun.listen({
      hostname: LOOPBACK,
      port: 0,
      tls: { ...SELF_SIGNED, ALPNProtocols },
      socket: {
        data: () => undefined,
        handshake: () => undefined,
        open: (socket) => (socket as unknown as Undocumented).setKeyCert(context as object),
      },
    });
    const socket = await Bun.connect({
      hostname: LOOPBACK,
      port: listener.port,
      tls: { ca: ROOT, serverName: "localhost", ALPNProtocols },
      socket: { data: () => undefined, handshake: (raw, success) => agreed.resolve([success, raw.alpnProtocol]) },
    });
    expect(await agreed.promise).toEqual([true, false]);
    socket.terminate();
    listener.stop(true);
  });

  // Why the context is given the ca of client certificates again: without it, it would be the world's.
  test("socket.setKeyCert takes the ca of client certificates from the new context", async () => {
    const asking = { ...SELF_SIGNED, requestCert: true, rejectUnauthorized: true, ca: ROOT };
    const client = { ca: [ROOT, SELF_SIGNED.cert], serverName: "localhost", ...CHAINED };
    const { context: bare } = createSecureContext(CHAINED);
    const { context: whole } = createSecureContext({ ...CHAINED, ca: ROOT });
    for (const [context, authorized] of [
      [bare, false],
      [whole, true],
    ] as const) {
      const told = await shake(asking, client, (socket) => socket.setKeyCert(context as object));
      expect(told.some((entry) => entry.startsWith(`server true ${authorized}`))).toBe(true);
    }
  });

  test("createSecureContext throws what Bun.listen does for a key of another certificate", () => {
    const make = (): unknown => createSecureContext({ key: CHAINED.key, cert: SELF_SIGNED.cert });
    expect(make).toThrow(expect.objectContaining({ code: "ERR_OSSL_X509_KEY_VALUES_MISMATCH" }));
  });
});
