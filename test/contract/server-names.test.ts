// Several identities on one listener, chosen by the name that a client asks for, in both worlds: at listen, after a reload, with ALPN and client
// certificates, and under STARTTLS.

import { expect } from "bun:test";
import type { Steps } from "../../src/core/operation.ts";
import { ListenError, TlsError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { acceptTls, startTls } from "../../src/net/start-tls.ts";
import type { TlsClientOptions, TlsIdentities, TlsIdentity, TlsServerOptions } from "../../src/net/tls.ts";
import { CHAINED, pem } from "../fixtures/tls/certificates.ts";
import { textOf, thrownBy } from "./conn-world.ts";
import { inBothWorlds, listenSecure, pairAt, SERVER, together, withPlain } from "./secure-world.ts";

const EXPIRED: TlsIdentity = { key: SERVER.key, cert: pem("expired-cert") };
const serverNames = { "b.example.org": CHAINED, "*.example.org": EXPIRED };
/** The tests look at which certificate is shown, and not at whose it is. */
const LENIENT: TlsClientOptions = { verify: false };

/** What is shown to a client that asks for `serverName`, and what both sides were told of it. */
function* shownTo(listener: Listener, serverName: string, tls: TlsClientOptions = {}): Steps<string> {
  const { client, server } = yield* pairAt(listener, { ...LENIENT, ...tls, serverName });
  try {
    expect(server.tls?.serverName).toBe(serverName);
    yield* server.write("hello");
    expect(textOf(yield* client.readExactly(5))).toBe("hello");
    return client.tls?.peerCertificate?.fingerprint256 ?? "nothing";
  } finally {
    client.terminate();
    server.terminate();
  }
}

/** What each identity looks like from outside. */
function* looks(...identities: TlsIdentity[]): Steps<string[]> {
  const shown: string[] = [];
  for (const identity of identities) {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0, tls: identity });
    shown.push(yield* shownTo(listener, "localhost"));
  }
  expect(new Set(shown).size).toBe(identities.length);
  return shown;
}

inBothWorlds("tls.serverNames", (inWorlds) => {
  inWorlds("listen shows each client the certificate of the name it asks for, and its own to all others", function* () {
    const [own, named, starred] = (yield* looks(SERVER, CHAINED, EXPIRED)) as [string, string, string];
    using listener = yield* listenSecure({ serverNames });
    for (const [asked, shown] of [
      ["b.example.org", named],
      ["B.Example.org", named],
      ["c.example.org", starred],
      ["c.c.example.org", own],
      ["example.org", own],
      ["localhost", own],
    ] as const)
      expect([asked, yield* shownTo(listener, asked)]).toEqual([asked, shown]);
  });

  inWorlds("listen with serverNames agrees on protocols and asks for certificates under every name", function* () {
    const [named] = (yield* looks(CHAINED)) as [string];
    using listener = yield* listenSecure({
      serverNames,
      alpn: ["h2", "http/1.1"],
      clientCertificates: { ca: SERVER.cert, optional: true },
    });
    for (const [tls, verified] of [
      [{}, false],
      [SERVER, true],
    ] as const) {
      const { client, server } = yield* pairAt(listener, {
        ...LENIENT,
        ...tls,
        serverName: "b.example.org",
        alpn: ["http/1.1"],
      });
      expect(client.tls).toMatchObject({ alpn: "http/1.1", peerCertificate: { fingerprint256: named } });
      expect(server.tls).toMatchObject({ alpn: "http/1.1", verified });
      client.terminate();
      server.terminate();
    }
  });

  inWorlds(
    "reloadTls changes the listener's own certificate, and those by name when they are given",
    function* (world) {
      const [own, named, starred] = (yield* looks(SERVER, CHAINED, EXPIRED)) as [string, string, string];
      using listener = yield* listenSecure({ serverNames });
      const before = yield* pairAt(listener, { ...LENIENT, serverName: "b.example.org" });
      function* shown(): Steps<string[]> {
        const all: string[] = [];
        for (const asked of ["b.example.org", "c.example.org", "localhost"]) all.push(yield* shownTo(listener, asked));
        return all;
      }
      expect(yield* shown()).toEqual([named, starred, own]);
      listener.reloadTls(EXPIRED);
      expect(yield* shown()).toEqual([named, starred, starred]);
      listener.reloadTls({ ...CHAINED, serverNames: { "c.example.org": SERVER } });
      expect(yield* shown()).toEqual([named, own, named]);
      listener.reloadTls({ ...SERVER, serverNames: {} });
      expect(yield* shown()).toEqual([own, own, own]);
      yield* before.client.write("still here");
      expect(textOf(yield* before.server.readExactly(10))).toBe("still here");
      before.client.terminate();
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
    },
  );

  inWorlds("acceptTls shows the certificate of the name that the client asks for", function* (world) {
    const [own, named] = (yield* looks(SERVER, CHAINED)) as [string, string];
    const options: TlsServerOptions = { ...SERVER, serverNames };
    for (const [asked, shown, isHasty] of [
      ["b.example.org", named, false],
      ["localhost", own, false],
      ["b.example.org", named, true],
    ] as const) {
      yield* withPlain(function* (client, server) {
        yield* together(
          function* () {
            yield* client.write("STARTTLS\r\n");
            if (!isHasty) expect(yield* client.readLine()).toBe("go");
            yield* startTls(client, { ...LENIENT, serverName: asked });
            expect(client.tls?.peerCertificate?.fingerprint256).toBe(shown);
          },
          function* () {
            expect(yield* server.readLine()).toBe("STARTTLS");
            if (isHasty) yield* world.quiet();
            else yield* server.write("go\r\n");
            yield* acceptTls(server, options);
            expect(server.tls?.serverName).toBe(asked);
          },
        );
      });
    }
  });

  inWorlds("listen, reloadTls and acceptTls say what is wrong with names and with identities under them", function* () {
    const { key, cert } = SERVER;
    const wrong: readonly [TlsIdentities["serverNames"], string][] = [
      [
        { "example.org.": CHAINED },
        'tls.serverNames has "example.org.", and a name is like example.org or *.example.org',
      ],
      [{ "a.org": CHAINED, "A.org": CHAINED }, 'tls.serverNames has "a.org" twice'],
      [
        { "a.org": { key, cert: "" } },
        'TLS needs a key and a certificate, and tls.serverNames["a.org"].cert is missing',
      ],
    ];
    using listener = yield* listenSecure({ serverNames: {} });
    for (const [names = {}, state] of wrong) {
      const error = yield* thrownBy(() => listenSecure({ serverNames: names }));
      expect(error).toMatchObject({ name: "ListenError", reason: "ERR_TLS" });
      expect((error as Error).message).toBe(`Cannot listen on 127.0.0.1:0: ${state}`);
      expect(() => listener.reloadTls({ key, cert, serverNames: names })).toThrow(ListenError);
      expect(() => listener.reloadTls({ key, cert, serverNames: names })).toThrow(state);
      yield* withPlain(function* (_client, server) {
        const refused = yield* thrownBy(() => acceptTls(server, { key, cert, serverNames: names }));
        expect(refused).toBeInstanceOf(TlsError);
        expect((refused as Error).message).toEndWith(state);
      });
    }
  });

  inWorlds("reloadTls refuses names for a listener that was opened without any", function* () {
    for (const tls of [{}, { alpn: ["echo"] }]) {
      using listener = yield* listenSecure(tls);
      expect(() => listener.reloadTls({ ...SERVER, serverNames })).toThrow(
        `Cannot reload the certificate of ${listener.address}: it listens without tls.serverNames, which have to be there from the start`,
      );
    }
  });
});
