// What a TLS server is given: its key and its certificate, and how long a handshake may take. Plain data, checked here as far as that needs no
// cryptography; what it means to a socket is the transport's business. One certificate a listener.

import { TLS_HANDSHAKE_MS } from "../config.ts";

/** Text in PEM form, or the bytes of such a file. */
export type Pem = string | Uint8Array;

/** TLS of a listener. The protocol is TLS 1.2 or 1.3. */
export interface TlsServerOptions {
  /** The private key. */
  readonly key: Pem;
  /** The certificate of that key; certificates that lead to the root may follow in the same text. */
  readonly cert: Pem;
  /** Opens a key that is encrypted. */
  readonly passphrase?: string;
  /** Certificates that lead from `cert` to the root, where they do not stand behind it. */
  readonly ca?: Pem | readonly Pem[];
  /** Ms from the TCP connection to the end of the handshake; then the connection is reset. Default 10,000. */
  readonly handshakeMs?: number;
}

/** The deadline of a handshake, in ms. */
export function handshakeMsOf(options: TlsServerOptions): number {
  return options.handshakeMs ?? TLS_HANDSHAKE_MS;
}

/** What is wrong with `options` at first sight, as the end of a message; `null` for nothing. */
export function tlsFault(options: TlsServerOptions): string | null {
  // Bun would listen all the same: in plain text without both, and with certificates that no handshake can use without one of them.
  for (const name of ["key", "cert"] as const) {
    const pem = options[name] as Pem | null | undefined;
    if (pem === null || pem === undefined || pem.length === 0)
      return `TLS needs a key and a certificate, and tls.${name} is missing`;
  }
  return null;
}
