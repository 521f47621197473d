// TLS on Bun's sockets: the server's side of a handshake. With a `handshake` callback `open` comes when TCP has accepted, so that a peer can be
// counted and timed before it has said a word; the socket is usable only when the handshake is done. What TLS changes
// in closing is the conn's business, see net/closing.ts. Each trap of Bun's is held by a test in test/bun-contract.

import type { Handshake, RawSocket, SocketHandler } from "../net/transport.ts";
import type { Pem, TlsServerOptions } from "../net/tls.ts";
import { callbacks, fatal, own, type Socket } from "./socket-callbacks.ts";

/** The callbacks of a TLS listener's sockets. `greet` is called for each connection, as in Transport.listenSecure. */
export function secureCallbacks(
  greet: (socket: RawSocket) => Handshake | null,
): Bun.SocketHandler<SocketHandler | undefined> {
  return {
    ...callbacks,
    open(raw: Socket): void {
      const handshake = greet(raw);
      if (handshake === null) raw.terminate();
      else own(raw, new Greeting(handshake));
    },
    handshake(raw: Socket, success: boolean): void {
      const greeting = raw.data;
      // A failed one is told by the close that follows. A refused socket has nobody; and no second handshake makes a second conn.
      if (!success || !(greeting instanceof Greeting)) return;
      raw.data = undefined;
      const handler = greeting.handshake.done();
      if (handler === null) raw.terminate();
      else own(raw, handler);
    },
    error(_raw: Socket, error: Error): void {
      // A peer that breaks the protocol after its handshake: its fault, which must not end the process. The close that follows says the rest.
      if ((error as { code?: string }).code !== "EPROTO") fatal(error);
    },
  };
}

/** The options as Bun wants them. */
export function bunTls(options: TlsServerOptions): Bun.TLSOptions {
  const { key, cert, passphrase, ca } = options;
  const tls: Bun.TLSOptions = { key: pemOf(key), cert: pemOf(cert) };
  if (passphrase !== undefined) tls.passphrase = passphrase;
  if (ca !== undefined) tls.ca = isList(ca) ? ca.map(pemOf) : pemOf(ca);
  return tls;
}

/** Why Bun refused key, certificate or chain, in the words of people who made them; `null` when `code` is none of that. */
export function tlsErrorState(code: string): string | null {
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") return "the TLS key does not belong to the certificate";
  if (code === "ERR_OSSL_BAD_DECRYPT")
    return "the TLS key is encrypted, and the passphrase is missing or does not open it";
  if (code.startsWith("ERR_OSSL_PEM_")) return `the TLS key, certificate or ca is no valid PEM (${code})`;
  return null;
}

/** The owner of a socket whose handshake is under way: it only hears of the end. */
class Greeting implements SocketHandler {
  readonly handshake: Handshake;

  constructor(handshake: Handshake) {
    this.handshake = handshake;
  }

  socketData(): void {}
  socketDrained(): void {}
  socketEnded(): void {}

  // The only word that always comes: a reset in mid-handshake closes without a `handshake`.
  socketClosed(): void {
    this.handshake.failed();
  }
}

function isList(ca: Pem | readonly Pem[]): ca is readonly Pem[] {
  return Array.isArray(ca);
}

/** Bun takes bytes of an ArrayBuffer only. */
function pemOf(pem: Pem): string | Uint8Array<ArrayBuffer> {
  return typeof pem === "string" ? pem : new Uint8Array(pem);
}
