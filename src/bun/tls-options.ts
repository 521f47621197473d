// Keys, certificates and protocols as Bun wants them, and what Bun says when they are no good.

import type { SecureContext, SecureContextOptions } from "node:tls";
import {
  alpnBytes,
  byServerName,
  type Pem,
  pemsOf,
  placeOf,
  type TlsClientOptions,
  TlsFault,
  type TlsIdentity,
  type TlsServerOptions,
} from "../net/tls.ts";
import type { ServerNames } from "../net/server-names.ts";

/** The module is loaded when somebody speaks TLS: a server that does not starts without it. */
function createSecureContext(options: SecureContextOptions): SecureContext {
  return process.getBuiltinModule("node:tls").createSecureContext(options);
}

/** A server's options. @throws what Bun says of a chain that is none. */
export function bunTls(options: TlsServerOptions): Bun.TLSOptions {
  const { alpn, clientCertificates } = options;
  const tls: Bun.TLSOptions = { ...identityOf(options, clientCertificates !== undefined) };
  if (alpn !== undefined) tls.ALPNProtocols = alpnBytes(alpn);
  if (clientCertificates !== undefined) {
    tls.requestCert = true;
    // Not all that this refuses fails its handshake: who gets in is decided in tls.ts.
    tls.rejectUnauthorized = clientCertificates.optional !== true;
    tls.ca = pemsOf(clientCertificates.ca).map(pemOf);
  }
  return tls;
}

/** A client's options. */
export function bunClientTls(options: TlsClientOptions): Bun.TLSOptions {
  const { serverName, ca, key, cert, passphrase, alpn, verify } = options;
  // Said outright: by default the environment can switch it off.
  const tls: Bun.TLSOptions = { rejectUnauthorized: verify !== false };
  if (serverName !== undefined) tls.serverName = serverName;
  if (ca !== undefined) tls.ca = pemsOf(ca).map(pemOf);
  if (key !== undefined && cert !== undefined) Object.assign(tls, { key: pemOf(key), cert: pemOf(cert) });
  if (passphrase !== undefined) tls.passphrase = passphrase;
  if (alpn !== undefined) tls.ALPNProtocols = alpnBytes(alpn);
  return tls;
}

/** A server's options as `setKeyCert` of a socket takes them: all of them but the protocols of ALPN. @throws TlsFault for what cannot be used. */
export function contextOf(options: TlsServerOptions): object {
  try {
    // Without the `ca` of client certificates it would trust whom the world trusts.
    return createSecureContext(bunTls(options) as SecureContextOptions).context as object;
  } catch (error) {
    throw optionsFault(error);
  }
}

const contextsOfOptions = new WeakMap<TlsServerOptions, ServerNames<object> | null>();

/**
 * The contexts of a server's identities by name; `null` where it has none. Options are read once: whoever accepts TLS connection by connection with the
 * same ones pays for their certificates once. @throws TlsFault for what cannot be used.
 */
export function namedContexts(options: TlsServerOptions): ServerNames<object> | null {
  let contexts = contextsOfOptions.get(options);
  if (contexts === undefined) {
    contexts = byServerName(options, namedContext);
    contextsOfOptions.set(options, contexts);
  }
  return contexts;
}

function namedContext(options: TlsServerOptions, name: string): object {
  try {
    return contextOf(options);
  } catch (error) {
    const { reason, message } = error as TlsFault;
    throw new TlsFault(reason, `${message}, at ${placeOf(name)}`, error);
  }
}

/**
 * Key, certificate and chain. Where clients are asked for certificates `ca` is who signs those, and would make our own chain one of them: so the
 * chain goes behind the certificate then, `apart`.
 */
function identityOf({ key, cert, passphrase, ca }: TlsIdentity, apart: boolean): IdentityOptions {
  const chain = pemsOf(ca).map(pemOf);
  const identity: IdentityOptions = { key: pemOf(key), cert: pemOf(cert) };
  if (passphrase !== undefined) identity.passphrase = passphrase;
  if (chain.length === 0) return identity;
  if (!apart) return { ...identity, ca: chain };
  // What is no certificate behind the first one would be passed over.
  createSecureContext({ ca: chain as string[] });
  return { ...identity, cert: [cert, ...pemsOf(ca)].map((pem) => Buffer.from(pem).toString()).join("\n") };
}

interface IdentityOptions {
  key: string | Buffer<ArrayBuffer>;
  cert: string | Buffer<ArrayBuffer>;
  passphrase?: string;
  ca?: (string | Buffer<ArrayBuffer>)[];
}

/** Bun takes bytes of an ArrayBuffer only. */
function pemOf(pem: Pem): string | Buffer<ArrayBuffer> {
  return typeof pem === "string" ? pem : Buffer.from(new Uint8Array(pem));
}

/** Why Bun refused key, certificate or chain, in the words of people who made them; `null` when `code` is none of that. */
function tlsErrorState(code: string): string | null {
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") return "the TLS key does not belong to the certificate";
  if (code === "ERR_OSSL_BAD_DECRYPT")
    return "the TLS key is encrypted, and the passphrase is missing or does not open it";
  if (code.startsWith("ERR_OSSL_PEM_")) return `the TLS key, certificate or ca is no valid PEM (${code})`;
  return null;
}

/** What Bun threw, as a fault. */
export function optionsFault(error: unknown): TlsFault {
  const { code: reason = "unknown", message } = error as Error & { code?: string };
  return new TlsFault(reason, tlsErrorState(reason) ?? message, error);
}
