// Identities by name on Bun, whose cryptography looks into them: what cannot be used is said at once, with the name that it stands under.

import { expect, test } from "bun:test";
import { listen } from "../../src/net/listen.ts";
import { acceptTls } from "../../src/net/start-tls.ts";
import type { TlsIdentity, TlsServerOptions } from "../../src/net/tls.ts";
import { BunConnWorld, thrownBy } from "../contract/conn-world.ts";
import { connectTo, withPlain } from "../contract/secure-world.ts";
import { CHAINED, PASSPHRASE, pem, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { SECURE } from "./tls-support.ts";

const world = new BunConnWorld();
const { cert } = SELF_SIGNED;

const WRONG: readonly [what: string, identity: TlsIdentity, reason: string, state: string][] = [
  [
    "a key of another certificate",
    { key: CHAINED.key, cert },
    "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
    "the TLS key does not belong to the certificate",
  ],
  [
    "an encrypted key",
    { key: pem("key-encrypted"), cert },
    "ERR_OSSL_BAD_DECRYPT",
    "the TLS key is encrypted, and the passphrase is missing or does not open it",
  ],
];

for (const [what, identity, reason, state] of WRONG) {
  test(`listen, reloadTls and acceptTls name the server name that has ${what}`, async () => {
    const tls: TlsServerOptions = { ...SELF_SIGNED, serverNames: { "a.org": CHAINED, "*.b.org": identity } };
    const end = `: ${state}, at tls.serverNames["*.b.org"]`;
    await world.run(function* () {
      const refused = yield* thrownBy(() => listen({ ...SECURE, tls }));
      expect(refused).toMatchObject({ name: "ListenError", reason });
      expect((refused as Error).message).toBe(`Cannot listen on 127.0.0.1:0${end}`);
      using listener = yield* listen({ ...SECURE, tls: { ...SELF_SIGNED, serverNames: {} } });
      expect(() => listener.reloadTls(tls)).toThrow(`Cannot reload the certificate of ${listener.address}${end}`);
      yield* withPlain(function* (_client, server) {
        const error = yield* thrownBy(() => acceptTls(server, tls));
        expect(error).toMatchObject({ name: "TlsError", reason });
        expect((error as Error).message).toEndWith(end);
      });
    });
  });
}

test("listen takes an encrypted key and a chain under a name, and a client that trusts its root verifies it", async () => {
  await world.run(function* () {
    const chain = { key: CHAINED.key, cert: pem("chain-cert"), ca: pem("chain-authority") };
    const locked = { key: pem("key-encrypted"), cert, passphrase: PASSPHRASE };
    using listener = yield* listen({ ...SECURE, tls: { ...locked, serverNames: { localhost: chain } } });
    const client = yield* connectTo(listener, { ca: pem("chain-root"), serverName: "localhost" });
    expect(client.tls?.verified).toBe(true);
    client.terminate();
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
  });
});
