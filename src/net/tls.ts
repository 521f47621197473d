// What TLS is given and what it tells: keys, certificates, protocols, and who the peer is. Plain data, checked here as far as that needs no
// cryptography; what it means to a socket is the transport's business. A server has one identity for everybody, and may have others by name.

import { TLS_HANDSHAKE_MS } from "../config.ts";
import { assertMs } from "../core/sleep.ts";
import { ServerNames, serverNamesFault } from "./server-names.ts";

/** Text in PEM form, or the bytes of such a file. */
export type Pem = string | Uint8Array;

/** A private key with its certificate: who a server is. */
export interface TlsIdentity {
  /** The private key. */
  readonly key: Pem;
  /** The certificate of that key; certificates that lead to the root may follow in the same text. */
  readonly cert: Pem;
  /** Opens a key that is encrypted. */
  readonly passphrase?: string;
  /** Certificates that lead from `cert` to the root, where they do not stand behind it. */
  readonly ca?: Pem | readonly Pem[];
}

/** Who a server is to everybody, and to those who ask for it by certain names. */
export interface TlsIdentities extends TlsIdentity {
  /**
   * Identities by the name that a client asks for: `example.org`, or `*.example.org` for one label in place of the star. Who asks for another name, or
   * for none, is shown the one above.
   */
  readonly serverNames?: Readonly<Record<string, TlsIdentity>>;
}

/** How a server asks its clients for certificates. One that nobody in `ca` has signed never gets in. */
export interface ClientCertificates {
  /** Who signs them. */
  readonly ca: Pem | readonly Pem[];
  /** Lets clients in that have none; `conn.tls.verified` tells. Default false. */
  readonly optional?: boolean;
}

/** TLS of a server. The protocol is TLS 1.2 or 1.3. */
export interface TlsServerOptions extends TlsIdentities {
  /** Protocols by the names of ALPN, best first; a client that offers others only is refused (RFC 7301). Default: none is agreed on. */
  readonly alpn?: readonly string[];
  /** Asks clients for certificates. Default: does not. */
  readonly clientCertificates?: ClientCertificates;
  /** Ms until the end of the handshake; then the connection is reset. Default 10,000. */
  readonly handshakeMs?: number;
}

/** TLS of a client. The protocol is TLS 1.2 or 1.3. */
export interface TlsClientOptions {
  /** The name that the server's certificate must have, sent to the server as well. Default: the host name that is connected to. */
  readonly serverName?: string;
  /** Whose signature is trusted, in place of the roots that browsers trust. */
  readonly ca?: Pem | readonly Pem[];
  /** Our own private key, for servers that ask for a certificate, */
  readonly key?: Pem;
  /** and the certificate of that key. */
  readonly cert?: Pem;
  /** Opens a key that is encrypted. */
  readonly passphrase?: string;
  /** Protocols by the names of ALPN, best first. */
  readonly alpn?: readonly string[];
  /** False takes any certificate: whoever sits in between can read and change everything. For tests. Default true. */
  readonly verify?: boolean;
}

/** A certificate that a peer has shown. */
export interface PeerCertificate {
  /** Names by their short types: `{ CN: "client-7", O: "Example" }`. */
  readonly subject: Readonly<Record<string, unknown>>;
  /** Who has signed it, by the same short types. */
  readonly issuer: Readonly<Record<string, unknown>>;
  /** The names that it is made for: `DNS:example.org, IP Address:192.0.2.1`. Empty for none. */
  readonly subjectAltName: string;
  /** SHA-256 of the whole, in hexadecimal with colons. */
  readonly fingerprint256: string;
  /** In hexadecimal. */
  readonly serialNumber: string;
  /** From when on it is good, as OpenSSL prints it: `Nov 22 23:22:22 2026 GMT`. */
  readonly validFrom: string;
  /** Until when it is good, in the same form. */
  readonly validTo: string;
}

/** What a handshake has agreed on: `conn.tls`. */
export interface TlsDetails {
  /** The protocol chosen by ALPN; `null` for none. */
  readonly alpn: string | null;
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly version: string;
  /** The name that the client asked for; `null` for none. */
  readonly serverName: string | null;
  /** The peer has shown a certificate, and it is trusted. */
  readonly verified: boolean;
  /** What it has shown; `null` for nothing. */
  readonly peerCertificate: PeerCertificate | null;
}

/** Why TLS did not come about, between transports and those who use them; its message is the end of one. */
export class TlsFault extends Error {
  /** A code, such as `CERT_HAS_EXPIRED`. */
  readonly reason: string;

  constructor(reason: string, state: string, cause?: unknown) {
    super(state, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** The deadline of a handshake, in ms. @throws ProtocolError for what is no number */
export function handshakeMsOf({ handshakeMs = TLS_HANDSHAKE_MS }: { readonly handshakeMs?: number }): number {
  assertMs(handshakeMs, "Cannot bound a TLS handshake");
  return handshakeMs;
}

/** The options of a server that has changed its identity; nothing of the old one is left. Those by name stay, unless others are given. */
export function withIdentity(options: TlsServerOptions, identity: TlsIdentities): TlsServerOptions {
  const { key: _key, cert: _cert, passphrase: _passphrase, ca: _ca, ...rest } = options;
  const { serverNames = rest.serverNames, ...others } = identity;
  return { ...rest, ...others, ...(serverNames === undefined ? {} : { serverNames }) };
}

/** What `make` makes of the options that a server has under each of its names; `null` where it has none. */
export function byServerName<T>(
  options: TlsServerOptions,
  make: (options: TlsServerOptions, name: string) => T,
): ServerNames<T> | null {
  const { serverNames, ...rest } = options;
  if (serverNames === undefined) return null;
  const named = Object.entries(serverNames);
  return new ServerNames(named.map(([name, identity]) => [name, make(withIdentity(rest, identity), name)]));
}

/** What is wrong with a server's `options` at first sight, as the end of a message; `null` for nothing. */
export function tlsFault(options: TlsServerOptions): string | null {
  const certificates = options.clientCertificates;
  if (certificates !== undefined && isEmpty(certificates.ca))
    return "tls.clientCertificates needs a ca, or any certificate would do";
  return identitiesFault(options) ?? alpnFault(options.alpn);
}

/** The same for what a server with `options` is to change to. */
export function reloadFault(options: TlsServerOptions, identities: TlsIdentities): string | null {
  // On Bun a listener is made for names or is not.
  if (identities.serverNames !== undefined && options.serverNames === undefined)
    return "it listens without tls.serverNames, which have to be there from the start, be it as {}";
  return identitiesFault(identities);
}

function identitiesFault(identities: TlsIdentities): string | null {
  const { serverNames = {} } = identities;
  const named = Object.entries(serverNames).map(([name, identity]) => identityFault(identity, placeOf(name)));
  return (
    identityFault(identities, "tls") ??
    serverNamesFault(Object.keys(serverNames)) ??
    named.find((fault) => fault !== null) ??
    null
  );
}

/** Where the identity of `name` stands in the options, for messages. */
export function placeOf(name: string): string {
  return `tls.serverNames[${JSON.stringify(name)}]`;
}

function identityFault(identity: TlsIdentity, place: string): string | null {
  // Bun would listen all the same: in plain text without both, and with certificates that no handshake can use without one of them.
  for (const name of ["key", "cert"] as const) {
    if (isEmpty(identity[name])) return `TLS needs a key and a certificate, and ${place}.${name} is missing`;
  }
  return null;
}

/** The same for a client. `serverName` is the name that it ends up with. */
export function tlsClientFault(options: TlsClientOptions, serverName: string | undefined): string | null {
  if (isEmpty(options.key) !== isEmpty(options.cert))
    return `a client's certificate needs its key, and tls.${isEmpty(options.key) ? "key" : "cert"} is missing`;
  // Without a name Bun takes anybody's certificate, as long as it is signed.
  if (options.verify !== false && (serverName === undefined || serverName === ""))
    return "tls.serverName is missing, and without it the server's certificate cannot be verified";
  return alpnFault(options.alpn);
}

/** Protocol names as TLS puts them on the wire: each with its length before it. */
export function alpnBytes(names: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoded = names.map((name) => new TextEncoder().encode(name));
  const bytes = new Uint8Array(encoded.reduce((sum, name) => sum + 1 + name.length, 0));
  let at = 0;
  for (const name of encoded) {
    bytes[at] = name.length;
    bytes.set(name, at + 1);
    at += 1 + name.length;
  }
  return bytes;
}

/** One or several, as a list. */
export function pemsOf(pems: Pem | readonly Pem[] | undefined): readonly Pem[] {
  if (pems === undefined) return [];
  return typeof pems === "string" || pems instanceof Uint8Array ? [pems] : pems;
}

function alpnFault(names: readonly string[] | undefined): string | null {
  if (names === undefined) return null;
  if (names.length === 0) return "tls.alpn is an empty list; leave it out to agree on no protocol";
  const bad = names.find((name) => name === "" || new TextEncoder().encode(name).length > 255);
  if (bad !== undefined) return `tls.alpn has a name of ${bad === "" ? "no" : "more than 255"} bytes`;
  // The extension's length has two bytes, and so has the list's inside it.
  return alpnBytes(names).length > 65_533 ? "tls.alpn has more names than fit a handshake" : null;
}

function isEmpty(pem: Pem | readonly Pem[] | null | undefined): boolean {
  return pem === null || pem === undefined || pem.length === 0;
}

/** What a failed handshake is called; `detail` is the system's own message. */
export function handshakeFault(reason: string, detail: string, cause?: unknown): TlsFault {
  const known = STATES.find(([codes]) => codes.some((code) => reason === code || detail.includes(code)));
  const code = known === undefined ? reason : (known[0].find((name) => detail.includes(name)) ?? reason);
  const words = known?.[1] ?? detail;
  // Which names were compared stands in the system's message alone.
  const names = code === "ERR_TLS_CERT_ALTNAME_INVALID" && detail !== "" ? `: ${detail}` : "";
  return new TlsFault(code, `${words}${names} (${code})`, cause);
}

/** The peer, or the network, broke off before the handshake was over. */
export function brokenOff(): TlsFault {
  return handshakeFault("ECONNRESET", "");
}

const STATES: readonly (readonly [codes: readonly string[], state: string])[] = [
  [
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
    "the peer's certificate is signed by itself, and is not one of those that are trusted",
  ],
  [
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    "nobody who is trusted has signed the peer's certificate, or the peer did not send the chain that leads there",
  ],
  [["CERT_HAS_EXPIRED"], "the peer's certificate has expired"],
  [["CERT_NOT_YET_VALID"], "the peer's certificate is not valid yet"],
  [["ERR_TLS_CERT_ALTNAME_INVALID"], "the peer's certificate is made for another name"],
  [["CERT_REVOKED"], "the peer's certificate was revoked"],
  [["NO_APPLICATION_PROTOCOL"], "the two sides have no protocol in common"],
  [["PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_REQUIRED"], "a certificate was asked for, and there is none"],
  [["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "BAD_PACKET_LENGTH"], "the peer does not speak TLS"],
  [["ECONNRESET"], "the peer left in the middle of the handshake"],
];
