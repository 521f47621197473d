// TLS on Bun's sockets: both sides of a handshake, on a listener's sockets and on plain ones that are upgraded. With a `handshake` callback `open`
// comes when TCP has accepted, so that a peer can be counted and timed before it has said a word; the socket is usable only when the
// handshake is done. What TLS changes in closing is the conn's business, see net/closing.ts. Each trap of Bun's is held by a test
// in test/bun-contract.

import type { Handshake, RawSocket, SocketHandler } from "../net/transport.ts";
import {
  brokenOff,
  handshakeFault,
  type PeerCertificate,
  reloadFault,
  type TlsClientOptions,
  type TlsDetails,
  TlsFault,
  type TlsIdentities,
  type TlsServerOptions,
  withIdentity,
} from "../net/tls.ts";
import type { ServerNames } from "../net/server-names.ts";
import { callbacks, fatal, own, type Socket } from "./socket-callbacks.ts";
import { bunClientTls, bunTls, contextOf, namedContexts, optionsFault } from "./tls-options.ts";

/** The TLS of one listener: what its sockets are given and told. */
export class SecureGuard {
  readonly #greet: (socket: RawSocket) => Handshake | null;
  #tls: TlsServerOptions;
  /** The identity to show in place of the listener's own, as Bun wants it; `null` for that one. */
  #context: object | null = null;

  /** `greet` is called for each connection, as in Transport.listenSecure. @throws TlsFault for options that cannot be used. */
  constructor(tls: TlsServerOptions, greet: (socket: RawSocket) => Handshake | null) {
    this.#greet = greet;
    this.#tls = tls;
    contextOf(tls);
    namedContexts(tls);
  }

  /** What `Bun.listen` is given as `tls`; `null` for a plain listener, whose sockets are upgraded one by one. */
  get options(): Bun.TLSOptions | null {
    return this.#upgrades ? null : bunTls(this.#tls);
  }

  /**
   * A context that replaces a listener's own takes its protocols away, and nobody asks for the name of the client any more: so with ALPN, or with names,
   * each connection is upgraded, under the options of its time. What that costs is in docs/decisions/0013.
   */
  get #upgrades(): boolean {
    return this.#tls.alpn !== undefined || this.#tls.serverNames !== undefined;
  }

  /** Other identities for the connections to come. @throws TlsFault */
  reload(identities: TlsIdentities): void {
    const fault = reloadFault(this.#tls, identities);
    if (fault !== null) throw new TlsFault("ERR_TLS", fault);
    const tls = withIdentity(this.#tls, identities);
    const context = contextOf(tls);
    namedContexts(tls);
    this.#tls = tls;
    if (!this.#upgrades) this.#context = context;
  }

  /** The callbacks of the listener's sockets. */
  get callbacks(): Bun.SocketHandler<SocketHandler | undefined> {
    if (this.#upgrades) return { ...mutedCallbacks, open: (raw: Socket) => this.#openPlain(raw) };
    return { ...handshakeCallbacks, open: (raw: Socket) => this.#openSecure(raw) };
  }

  #openSecure(raw: Socket): void {
    if (this.#context !== null) (raw as Recertified).setKeyCert(this.#context);
    const handshake = this.#greet(raw);
    if (handshake === null) raw.terminate();
    else own(raw, new Greeting(handshake, trustOf(this.#tls), null));
  }

  #openPlain(raw: Socket): void {
    let present = raw;
    const handshake = this.#greet({ terminate: () => present.terminate() } as RawSocket);
    if (handshake === null) raw.terminate();
    else present = upgradeServer(raw, this.#tls, NOTHING, handshake);
  }
}

const NOTHING = new Uint8Array(0);

/** Not in Bun's types. */
type Recertified = Socket & { setKeyCert(context: object): void };

/** Which peers get in. Bun calls a handshake with a certificate that it does not trust done, and closes later or not at all. */
type Trust = "anybody" | "verified" | "verified or none";

function trustOf({ clientCertificates }: TlsServerOptions): Trust {
  if (clientCertificates === undefined) return "anybody";
  return clientCertificates.optional === true ? "verified or none" : "verified";
}

/** Makes a TLS connection of a plain one, as its client. @throws TlsFault */
export function upgradeClient(raw: Socket, tls: TlsClientOptions, handshake: Handshake): Socket {
  const trust: Trust = tls.verify === false ? "anybody" : "verified";
  return upgrade(raw, { tls: bunClientTls(tls) }, new Greeting(handshake, trust, null));
}

/** The same as the server. @throws TlsFault */
export function upgradeServer(raw: Socket, tls: TlsServerOptions, early: Uint8Array, handshake: Handshake): Socket {
  const side = { isServer: true, tls: bunTls(tls), ...(early.length === 0 ? {} : { initialData: early }) };
  try {
    return upgrade(raw, side, new Greeting(handshake, trustOf(tls), namedContexts(tls)));
  } catch (error) {
    throw error instanceof TlsFault ? error : optionsFault(error);
  }
}

function upgrade(raw: Socket, side: object, greeting: Greeting): Socket {
  const owner = raw.data;
  // Bun goes on telling the plain socket's callbacks of the ciphertext, and of the close.
  raw.data = undefined;
  greeting.upgrading = true;
  try {
    const socket = greeting.contexts === null ? handshakeCallbacks : namingCallbacks;
    const options = { ...side, data: greeting, socket };
    const [, secure] = raw.upgradeTLS(options as unknown as Bun.TLSUpgradeOptions<SocketHandler | undefined>);
    greeting.upgraded();
    return secure;
  } catch (error) {
    raw.data = owner;
    throw optionsFault(error);
  }
}

/** The callbacks of plain sockets that are upgraded at once. Without `data` no array is made of their ciphertext. */
const { data: _data, ...mutedCallbacks } = callbacks;

/** The callbacks of sockets whose handshake is seen; Greeting is their first owner. */
const handshakeCallbacks: Bun.SocketHandler<SocketHandler | undefined> = {
  ...callbacks,
  handshake(raw: Socket, success: boolean, error: Error | null): void {
    const greeting = raw.data;
    // A refused socket has nobody; and no second handshake makes a second conn.
    if (greeting instanceof Greeting) greeting.handshaken(raw, success, error);
  },
  error(raw: Socket, error: Error): void {
    // A peer that breaks the protocol after its handshake: its fault, which must not end the process. The close that follows says the rest.
    if ((error as { code?: string }).code !== "EPROTO") fatal(error);
    else if (raw.data instanceof Greeting) raw.data.fault = faultOf(error);
  },
};

/** The same where a server has several identities. Bun asks which context the connection goes on with; `undefined` is the one it has. Not in Bun's types. */
const namingCallbacks: typeof handshakeCallbacks = Object.assign(
  { ...handshakeCallbacks },
  {
    serverName: (greeting: unknown, asked: string): object | undefined =>
      greeting instanceof Greeting ? (greeting.contexts?.find(asked) ?? undefined) : undefined,
  },
);

/** The owner of a socket whose handshake is under way: it only hears of the end. */
class Greeting implements SocketHandler {
  fault: TlsFault | null = null;
  /** By the name that the client asks for; `null` where there is one for all. */
  readonly contexts: ServerNames<object> | null;
  readonly #handshake: Handshake;
  readonly #trust: Trust;
  /** Inside of `upgradeTLS`, in which bytes that came early may fail at once. */
  upgrading = false;
  #closed = false;

  constructor(handshake: Handshake, trust: Trust, contexts: ServerNames<object> | null) {
    this.#handshake = handshake;
    this.#trust = trust;
    this.contexts = contexts;
  }

  socketData(): void {}
  socketDrained(): void {}
  socketEnded(): void {}

  /** Bun takes the handshake for over. */
  handshaken(raw: Socket, success: boolean, error: Error | null): void {
    // A failed one is told by the close that follows.
    if (!success && !(this.#trust === "anybody" && isOfCertificate(error))) {
      this.fault = error === null ? null : faultOf(error);
      return;
    }
    if (!this.#trusts(raw)) {
      this.fault = faultOf(error ?? new Error("CERTIFICATE_REQUIRED"));
      raw.terminate();
      return;
    }
    raw.data = undefined;
    const handler = this.#handshake.done(raw);
    if (handler === null) raw.terminate();
    else own(raw, handler);
  }

  // The only word that always comes: a reset in mid-handshake closes without a `handshake`.
  socketClosed(): void {
    this.#closed = true;
    if (!this.upgrading) this.#handshake.failed(this.fault ?? brokenOff());
  }

  /** The call of `upgradeTLS` is over. */
  upgraded(): void {
    this.upgrading = false;
    if (this.#closed) queueMicrotask(() => this.socketClosed());
  }

  #trusts(raw: Socket): boolean {
    if (this.#trust === "anybody" || raw.authorized) return true;
    return this.#trust === "verified or none" && certificateOf(raw) === null;
  }
}

/** Bun calls a handshake failed for a certificate of another name even where it was told not to look, and goes on with it. */
function isOfCertificate(error: Error | null): boolean {
  const code = (error as { code?: string } | null)?.code;
  return code !== undefined && code !== "EPROTO" && code !== "ECONNRESET";
}

function faultOf(error: Error): TlsFault {
  return handshakeFault((error as { code?: string }).code ?? "unknown", error.message, error);
}

/** What a handshake has agreed on. */
export function tlsDetails(raw: Socket): TlsDetails {
  const { alpnProtocol } = raw;
  const peerCertificate = certificateOf(raw);
  return {
    alpn: typeof alpnProtocol === "string" && alpnProtocol !== "" ? alpnProtocol : null,
    version: raw.getTLSVersion(),
    serverName: (raw as unknown as { getServername(): string | undefined }).getServername() ?? null,
    verified: peerCertificate !== null && raw.authorized,
    peerCertificate,
  };
}

/** What Bun's getPeerCertificate gives, as far as it is used. */
interface BunCertificate {
  readonly subject: Record<string, unknown>;
  readonly issuer: Record<string, unknown>;
  readonly subjectaltname?: string;
  readonly fingerprint256: string;
  readonly serialNumber: string;
  readonly valid_from: string;
  readonly valid_to: string;
}

function certificateOf(raw: Socket): PeerCertificate | null {
  const shown = raw.getPeerCertificate() as unknown as BunCertificate | null | undefined;
  if (shown?.fingerprint256 === undefined) return null;
  return {
    subject: { ...shown.subject },
    issuer: { ...shown.issuer },
    subjectAltName: shown.subjectaltname ?? "",
    fingerprint256: shown.fingerprint256,
    serialNumber: shown.serialNumber,
    validFrom: shown.valid_from,
    validTo: shown.valid_to,
  };
}
