// What a complete request head means for the connection: which body follows, whether the connection lives on, which host and path are
// asked for (RFC 9112 sections 3.2, 6.3, 7.4 and 9.3; RFC 9110 sections 7.2, 7.8 and 10.1.1). Where the RFCs leave a choice, the strict
// one is taken: whatever two parties could read in two ways is refused, and a refusal always closes. Limits that a route may
// set are checked apart, by `checkBodyLength`, when the route is known.

import { hasPort, isAuthority } from "./authority.ts";
import { equalsLower } from "./field-values.ts";
import type { RequestHead } from "./head.ts";
import { METHOD_CONNECT, METHOD_OPTIONS, METHOD_TRACE } from "./methods.ts";
import { Rejection } from "./rejection.ts";
import { latin1Bytes } from "./text.ts";

/** No body follows the head. */
export const BODY_NONE = 0;
/** `bodyLength` bytes follow, at least one. */
export const BODY_LENGTH = 1;
/** A chunked body follows: see `ChunkedDecoder`. */
export const BODY_CHUNKED = 2;

/** The target is a path and maybe a query: `/a?b`. */
export const FORM_ORIGIN = 0;
/** The target is a whole URI: `http://host/a?b`. Its host counts, whatever the Host field says. */
export const FORM_ABSOLUTE = 1;
/** The target is `*`: an OPTIONS request about the server as a whole. */
export const FORM_ASTERISK = 2;

const SLASH = 0x2f;
const ASTERISK = 0x2a;
const QUESTION = 0x3f;

const httpPrefix = latin1Bytes("http://");
const httpsPrefix = latin1Bytes("https://");

/** The meaning of one head; an object to reuse, one per connection. Offsets are relative to the head's first byte. */
export class Framing {
  /** BODY_NONE, BODY_LENGTH or BODY_CHUNKED. */
  body: number = BODY_NONE;
  /** Bytes of the body when `body` is BODY_LENGTH, else 0. */
  bodyLength = 0;
  /** The connection may carry another request when this one is answered. */
  keepAlive = false;
  /** The client waits for a 100 before it sends the body: never from HTTP/1.0, never without a body. */
  expectContinue = false;
  /** The client offers to switch to the protocols of its Upgrade field. Ignoring that is always allowed. */
  upgrade = false;
  /** One of the FORM_ kinds. */
  form: number = FORM_ORIGIN;
  /** The target is an `https` URI. */
  secure = false;
  /** The host and port that are asked for; empty (both the same) when an HTTP/1.0 request names none. */
  hostStart = 0;
  hostEnd = 0;
  /** Path and query; empty for a URI without a path, which means `/` (or `*` for OPTIONS), and `*` itself for FORM_ASTERISK. */
  pathStart = 0;
  pathEnd = 0;

  /**
   * Sets all fields from `head`, which is complete and whose first byte is at `start`. Throws {@link Rejection}: 400 for a target of
   * the wrong form, a missing Host, Content-Length beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0; 417 for an
   * unknown expectation; 501 for CONNECT and TRACE, which an origin server has no use for.
   */
  decide(head: RequestHead, bytes: Uint8Array, start: number): void {
    this.#decideHost(head);
    this.#decideTarget(head, bytes, start);
    this.#decideBody(head);
    const { fields } = head;
    const modern = head.minor > 0;
    this.keepAlive = !fields.close && (modern || fields.keepAlive);
    this.upgrade = modern && fields.connectionUpgrade && fields.upgradeField !== -1;
    this.expectContinue = modern && fields.expectContinue && this.body !== BODY_NONE;
    if (fields.expectOther && modern) {
      throw new Rejection(417, "ERR_HTTP_EXPECTATION", "the only expectation met here is 100-continue");
    }
  }

  #decideHost(head: RequestHead): void {
    const host = head.fields.hostField;
    if (host === -1) {
      if (head.minor > 0) throw new Rejection(400, "ERR_HTTP_HOST", "there is no Host field");
      this.hostStart = 0;
      this.hostEnd = 0;
    } else {
      this.hostStart = head.valueStart(host);
      this.hostEnd = head.valueEnd(host);
    }
  }

  #decideTarget(head: RequestHead, bytes: Uint8Array, start: number): void {
    const method = head.methodCode;
    this.form = FORM_ORIGIN;
    this.secure = false;
    this.pathStart = head.targetStart;
    this.pathEnd = head.targetEnd;
    if (method === METHOD_CONNECT) refuseConnect(bytes, start + head.targetStart, start + head.targetEnd);
    if (method === METHOD_TRACE) throw new Rejection(501, "ERR_HTTP_METHOD", "TRACE is not served");
    const first = bytes[start + head.targetStart];
    if (first === SLASH) return;
    if (first !== ASTERISK) this.#decideAbsolute(bytes, start);
    else if (method === METHOD_OPTIONS && head.targetEnd - head.targetStart === 1) this.form = FORM_ASTERISK;
    else throw new Rejection(400, "ERR_HTTP_TARGET", "the target * stands alone and belongs to OPTIONS");
  }

  /** Takes host and path out of a target that is a URI (RFC 9112 section 3.2.2). */
  #decideAbsolute(bytes: Uint8Array, start: number): void {
    const from = start + this.pathStart;
    const to = start + this.pathEnd;
    let authority = -1;
    if (startsWithLower(bytes, from, to, httpPrefix)) authority = from + httpPrefix.length;
    else if (startsWithLower(bytes, from, to, httpsPrefix)) {
      authority = from + httpsPrefix.length;
      this.secure = true;
    } else throw new Rejection(400, "ERR_HTTP_TARGET", "the target is neither a path nor an http URI");
    let authorityEnd = authority;
    while (authorityEnd < to && bytes[authorityEnd] !== SLASH && bytes[authorityEnd] !== QUESTION) authorityEnd++;
    if (!isAuthority(bytes, authority, authorityEnd)) {
      throw new Rejection(400, "ERR_HTTP_TARGET", "the authority of the target is empty or no host and port");
    }
    this.form = FORM_ABSOLUTE;
    this.hostStart = authority - start;
    this.hostEnd = authorityEnd - start;
    this.pathStart = authorityEnd - start;
  }

  #decideBody(head: RequestHead): void {
    const { fields } = head;
    this.bodyLength = 0;
    if (fields.chunked) {
      if (fields.contentLength !== -1) {
        throw new Rejection(400, "ERR_HTTP_FRAMING", "there is a Content-Length beside Transfer-Encoding");
      }
      if (head.minor === 0) throw new Rejection(400, "ERR_HTTP_FRAMING", "HTTP/1.0 has no Transfer-Encoding");
      this.body = BODY_CHUNKED;
    } else if (fields.contentLength > 0) {
      this.body = BODY_LENGTH;
      this.bodyLength = fields.contentLength;
    } else {
      this.body = BODY_NONE;
    }
  }
}

/** Throws {@link Rejection} (413) when a body of `length` bytes is larger than `bodyBytesMax`: to be called before a byte of it is read. */
export function checkBodyLength(length: number, bodyBytesMax: number): void {
  if (length > bodyBytesMax) {
    throw new Rejection(413, "ERR_HTTP_BODY_TOO_LARGE", "the body is larger than the limit");
  }
}

/** A CONNECT without host and port is faulty (RFC 9110 section 9.3.6); any other one is refused here. */
function refuseConnect(bytes: Uint8Array, from: number, to: number): never {
  if (!isAuthority(bytes, from, to) || !hasPort(bytes, from, to)) {
    throw new Rejection(400, "ERR_HTTP_TARGET", "the target of CONNECT is not a host and a port");
  }
  throw new Rejection(501, "ERR_HTTP_METHOD", "CONNECT is not served");
}

function startsWithLower(bytes: Uint8Array, from: number, to: number, prefix: Uint8Array): boolean {
  return to - from >= prefix.length && equalsLower(bytes, from, from + prefix.length, prefix);
}
