// TLS of the simulated network: the client's hello, the server's, the client's "finished", then the bytes as they are. It has no cryptography, and
// what it cannot show it does not pretend to: certificates are compared as whole texts (a peer is trusted whose `cert` stands in our `ca`), names and
// dates are not looked at. What it does show is what handlers depend on: the round trips, a client that is done before its server is, ALPN, who is
// asked for a certificate and has none, a peer that speaks plain text, and bytes that come behind the handshake in the same chunk.

import {
  brokenOff,
  byServerName,
  handshakeFault,
  type PeerCertificate,
  type Pem,
  pemsOf,
  type TlsClientOptions,
  type TlsFault,
  type TlsServerOptions,
} from "../net/tls.ts";
import type { Handshake, SocketHandler } from "../net/transport.ts";
import { ByteQueue, copyOf } from "./byte-queue.ts";
import type { Clock } from "./pipe.ts";
import type { SimSocket } from "./socket.ts";

/** What one end says of itself. */
interface Hello {
  /** The client's wish, in the server's answer its choice. */
  readonly alpn: readonly string[];
  readonly serverName: string | null;
  /** A digest of the certificate; `null` for none. */
  readonly certificate: string | null;
}

/** What an end makes of the other end's hello: the server's own one to send, or why there will be no connection. */
interface Verdict {
  readonly fault: TlsFault | null;
  readonly answer: Hello | null;
  readonly alpn: string | null;
  readonly verified: boolean;
}

/** One end of TLS. */
export interface TlsSide {
  /** What the client begins with; `null` for the server. */
  readonly hello: Hello | null;
  judge(theirs: Hello): Verdict;
}

/** The client's end. */
export function clientSide(tls: TlsClientOptions): TlsSide {
  const trusted = new Set(pemsOf(tls.ca).map(digestOf));
  const certificate = tls.cert === undefined ? null : digestOf(tls.cert);
  return {
    hello: { alpn: tls.alpn ?? [], serverName: tls.serverName ?? null, certificate },
    judge: (theirs) => {
      const verified = theirs.certificate !== null && trusted.has(theirs.certificate);
      const fault = verified || tls.verify === false ? null : handshakeFault("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "");
      return { fault, answer: null, alpn: theirs.alpn[0] ?? null, verified };
    },
  };
}

/** The server's end. */
export function serverSide(tls: TlsServerOptions): TlsSide {
  const { alpn = [], clientCertificates } = tls;
  const certificates = byServerName(tls, ({ cert }) => cert);
  return {
    hello: null,
    judge: (theirs) => {
      const shown = clientCertificates === undefined ? null : theirs.certificate;
      const verified = shown !== null && pemsOf(clientCertificates?.ca).map(digestOf).includes(shown);
      const chosen = alpn.find((name) => theirs.alpn.includes(name)) ?? null;
      let fault: TlsFault | null = null;
      if (alpn.length > 0 && theirs.alpn.length > 0 && chosen === null)
        fault = handshakeFault("NO_APPLICATION_PROTOCOL", "");
      else if (shown !== null && !verified) fault = handshakeFault("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "");
      else if (clientCertificates !== undefined && shown === null && clientCertificates.optional !== true)
        fault = handshakeFault("PEER_DID_NOT_RETURN_A_CERTIFICATE", "");
      const answer = {
        alpn: chosen === null ? [] : [chosen],
        serverName: theirs.serverName,
        certificate: digestOf(certificates?.find(theirs.serverName ?? "") ?? tls.cert),
      };
      return { fault, answer, alpn: chosen, verified };
    },
  };
}

/** The handshake of one end, and the owner of its socket meanwhile. */
export class SimHandshake implements SocketHandler {
  readonly #socket: SimSocket;
  readonly #side: TlsSide;
  readonly #handshake: Handshake;
  readonly #isClient: boolean;
  readonly #input: ByteQueue = new ByteQueue();
  readonly #output: ByteQueue = new ByteQueue();
  #verdict: Verdict | null = null;
  #theirs: Hello | null = null;
  /** The peer's last word of the handshake has come. */
  #isAnswered = false;
  #fault: TlsFault | null = null;

  private constructor(socket: SimSocket, side: TlsSide, handshake: Handshake) {
    this.#socket = socket;
    this.#side = side;
    this.#handshake = handshake;
    this.#isClient = side.hello !== null;
  }

  /** The owner of a socket that a TLS listener has just accepted. */
  static accepted(socket: SimSocket, side: TlsSide, handshake: Handshake): SocketHandler {
    return new SimHandshake(socket, side, handshake);
  }

  /** Takes over a socket that somebody owns, or is to own. `early` came already. */
  static begin(clock: Clock, socket: SimSocket, side: TlsSide, early: Uint8Array, handshake: Handshake): void {
    const made = new SimHandshake(socket, side, handshake);
    // Not within this call, and before anything else that comes.
    clock.schedule(0, () => {
      if (socket.closed) return;
      if (side.hello !== null) made.#send(HELLO, side.hello);
      if (early.length > 0) made.socketData(copyOf(early));
    });
    socket.own(made);
  }

  socketData(chunk: Uint8Array): void {
    this.#input.push(chunk);
    if (!this.#isAnswered) this.#look();
  }

  socketDrained(): void {
    this.#flush();
  }

  socketEnded(): void {
    this.#socket.terminate();
  }

  socketClosed(): void {
    this.#handshake.failed(this.#fault ?? brokenOff());
  }

  /** Reads the peer's record, once it is whole. */
  #look(): void {
    const bytes = this.#input.take(this.#input.length);
    if (bytes.length === 0) return;
    const [type, version] = bytes;
    if ((type !== HELLO && type !== ALERT) || (bytes.length > 1 && version !== VERSION)) {
      this.#refuse(handshakeFault("WRONG_VERSION_NUMBER", ""));
      return;
    }
    const end = HEAD_BYTES + (bytes.length < HEAD_BYTES ? 0 : ((bytes[3] as number) << 8) + (bytes[4] as number));
    const isWhole = bytes.length >= HEAD_BYTES && bytes.length >= end;
    this.#input.push(copyOf(isWhole ? bytes.subarray(end) : bytes));
    if (!isWhole) return;
    const said: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_BYTES, end)));
    if (type === ALERT) this.#refuse(handshakeFault(String(said), ""));
    else if (said !== FINISHED) this.#judge(said as Hello);
    else {
      this.#isAnswered = true;
      this.#finish();
    }
  }

  #judge(theirs: Hello): void {
    const verdict = this.#side.judge(theirs);
    if (verdict.fault !== null) {
      if (!this.#isClient) this.#send(ALERT, verdict.fault.reason);
      this.#refuse(verdict.fault);
      return;
    }
    this.#theirs = theirs;
    this.#verdict = verdict;
    this.#isAnswered = this.#isClient;
    this.#send(HELLO, verdict.answer ?? FINISHED);
    // A client without patience may have sent it all at once.
    if (!this.#isClient && !this.#socket.closed) this.#look();
  }

  #refuse(fault: TlsFault): void {
    this.#fault = fault;
    // What was sent arrives; with input unread it is a reset, as of a kernel.
    this.#socket.end();
  }

  #send(type: number, said: Hello | string): void {
    const body = new TextEncoder().encode(JSON.stringify(said));
    const record = new Uint8Array(HEAD_BYTES + body.length);
    record.set([type, VERSION, 3, body.length >> 8, body.length & 255]);
    record.set(body, HEAD_BYTES);
    this.#output.push(record);
    this.#flush();
  }

  #flush(): void {
    while (this.#output.length > 0) {
      const chunk = this.#output.peek();
      const taken = this.#socket.write(chunk, 0, chunk.length);
      if (taken <= 0) return;
      this.#output.take(taken);
    }
    this.#finish();
  }

  /** Both have had their last word, and ours is sent. */
  #finish(): void {
    if (!this.#isAnswered || this.#output.length > 0) return;
    const socket = this.#socket;
    const [verdict, theirs] = [this.#verdict as Verdict, this.#theirs as Hello];
    socket.tls = {
      alpn: verdict.alpn,
      version: "TLSv1.3",
      serverName: theirs.serverName ?? this.#side.hello?.serverName ?? null,
      verified: verdict.verified,
      peerCertificate: theirs.certificate === null ? null : certificateOf(theirs.certificate),
    };
    const handler = this.#handshake.done(socket);
    const left = copyOf(this.#input.take(this.#input.length));
    socket.own(handler);
    if (left.length > 0 && !socket.closed) handler?.socketData(left);
  }
}

/** The client's last word. */
const FINISHED = "finished";
const HELLO = 22;
const ALERT = 21;
const VERSION = 3;
const HEAD_BYTES = 5;

/** What a simulated certificate shows: itself, and no more. */
function certificateOf(digest: string): PeerCertificate {
  return {
    subject: {},
    issuer: {},
    subjectAltName: "",
    fingerprint256: digest,
    serialNumber: digest,
    validFrom: "",
    validTo: "",
  };
}

/** Tells one text from another; no more than that. */
function digestOf(pem: Pem): string {
  const text = typeof pem === "string" ? pem : new TextDecoder().decode(pem);
  let hash = 0x811c_9dc5;
  for (const character of text.trim()) hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x0100_0193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
