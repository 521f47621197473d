// A request as a handler sees it. Everything is lazy: a handler that never asks for the target or a header pays for no string. The request
// is good until it is answered; what is kept longer must have been asked for before.

import type { Operation } from "../core/operation.ts";

import { readAll, readChunk } from "./body-reader.ts";
import { requestOver } from "./errors.ts";
import { BodySource } from "./fetch/body-source.ts";
import type { Exchange } from "./exchange.ts";
import { BODY_NONE } from "./wire/framing.ts";
import { sliceLatin1 } from "./wire/text.ts";
import type { Wait } from "../core/task.ts";

/** The header fields of a request, looked up in the bytes of the head. Names may be given in any case. */
export interface RequestHeaders extends Iterable<[name: string, value: string]> {
  /** The value of a field; several of one name joined by `, `; `null` when there is none. */
  get(name: string): string | null;
  has(name: string): boolean;
  /** All values of one name, in order. */
  getAll(name: string): string[];
}

/** One request. `Params` is what its route has as parameters. */
export class HttpRequest<out Params extends object = Readonly<Record<string, string>>> {
  /** Parameters of the route that matched, percent-decoded where that is possible; empty without a router. */
  readonly params: Params = NO_PARAMS as Params;
  readonly #exchange: Exchange;
  readonly #number: number;
  #target: string | null = null;
  #query: URLSearchParams | null = null;
  #headers: RequestHeaders | null = null;

  /** @internal */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#number = exchange.number;
  }

  /** The method as sent; methods are case-sensitive. */
  get method(): string {
    const { head, bytes, start } = this.#present("the method");
    return head.method(bytes, start);
  }

  /** @internal One of the METHOD_ codes. */
  get methodCode(): number {
    return this.#present("the method").head.methodCode;
  }

  /** Path and query as sent, such as `/a?b=c`; without scheme and host, even when the client sent them. `*` for OPTIONS about the server. */
  get target(): string {
    if (this.#target === null) {
      const { bytes, start, framing } = this.#present("the target");
      const target = sliceLatin1(bytes, start + framing.pathStart, start + framing.pathEnd);
      // A URI without a path means the root (RFC 9112 section 3.2.1).
      this.#target = target === "" || target[0] === "?" ? `/${target}` : target;
    }
    return this.#target;
  }

  /** The path as sent, not decoded. */
  get path(): string {
    const { target } = this;
    const query = target.indexOf("?");
    return query === -1 ? target : target.slice(0, query);
  }

  /** The query, parsed. */
  get query(): URLSearchParams {
    if (this.#query === null) {
      const { target } = this;
      const at = target.indexOf("?");
      this.#query = new URLSearchParams(at === -1 ? "" : target.slice(at + 1));
    }
    return this.#query;
  }

  get headers(): RequestHeaders {
    this.#headers ??= new LazyHeaders(this.#present("the headers"), this.#number);
    return this.#headers;
  }

  /** Host and port that were asked for, as sent; empty when an HTTP/1.0 client named none. */
  get host(): string {
    const { bytes, start, framing } = this.#present("the host");
    return sliceLatin1(bytes, start + framing.hostStart, start + framing.hostEnd);
  }

  /** `http`, or `https` when it came over TLS. */
  get protocol(): "http" | "https" {
    return "http";
  }

  /** IP address of the peer. */
  get remoteAddress(): string {
    return this.#exchange.host.conn.socket.remoteAddress;
  }

  /** Port of the peer. */
  get remotePort(): number {
    return this.#exchange.host.conn.socket.remotePort;
  }

  /** Aborts when the client is gone or the server gives the request up: the bridge to `fetch` and its like. */
  get signal(): AbortSignal {
    return this.#present("the signal").host.signal;
  }

  /** Whether a body follows. */
  get hasBody(): boolean {
    return this.#present("the body").framing.body !== BODY_NONE;
  }

  /** Sets the body limit of this request in bytes, instead of the server's; `Infinity` for none. Before the first read. */
  limitBody(bytesMax: number): void {
    this.#present("the body").limitBody(bytesMax);
  }

  /** The next piece of the body as it came, `null` at its end. Parks until some has come. @throws Rejection for a faulty or too long body. */
  read(): Operation<Uint8Array | null> {
    return readChunk(this.#present("the body"));
  }

  /** The whole body. @throws as {@link read} */
  bytes(): Operation<Uint8Array> {
    return readAll(this.#present("the body"), this.#number);
  }

  /** The whole body as UTF-8; what is no UTF-8 becomes U+FFFD. @throws as {@link read} */
  *text(): Generator<Wait, string, unknown> {
    return new TextDecoder().decode(yield* this.bytes());
  }

  /** The whole body as JSON. @throws SyntaxError when it is none; otherwise as {@link read} */
  *json(): Generator<Wait, unknown, unknown> {
    return JSON.parse(yield* this.text());
  }

  /** @internal The body for code that lives on promises. */
  promisedBody(): BodySource {
    return new BodySource(this.#present("the body"));
  }

  #present(what: string): Exchange {
    const exchange = this.#exchange;
    if (exchange.number !== this.#number) throw requestOver(what);
    return exchange;
  }
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

class LazyHeaders implements RequestHeaders {
  readonly #exchange: Exchange;
  readonly #number: number;

  constructor(exchange: Exchange, number: number) {
    this.#exchange = exchange;
    this.#number = number;
  }

  get(name: string): string | null {
    const { head, bytes, start } = this.#present();
    const lower = name.toLowerCase();
    const first = head.find(bytes, start, lower);
    if (first === -1) return null;
    const second = head.findNext(bytes, start, lower, first);
    return second === -1 ? head.value(bytes, start, first) : this.getAll(lower).join(", ");
  }

  has(name: string): boolean {
    const { head, bytes, start } = this.#present();
    return head.find(bytes, start, name.toLowerCase()) !== -1;
  }

  getAll(name: string): string[] {
    const { head, bytes, start } = this.#present();
    const lower = name.toLowerCase();
    const values: string[] = [];
    for (let at = head.find(bytes, start, lower); at !== -1; at = head.findNext(bytes, start, lower, at)) {
      values.push(head.value(bytes, start, at));
    }
    return values;
  }

  *[Symbol.iterator](): Generator<[string, string], void, undefined> {
    const { head } = this.#present();
    const fields: [string, string][] = [];
    for (let index = 0; index < head.fieldCount; index++) {
      const { bytes, start } = this.#exchange;
      fields.push([head.name(bytes, start, index), head.value(bytes, start, index)]);
    }
    yield* fields;
  }

  #present(): Exchange {
    if (this.#exchange.number !== this.#number) throw requestOver("the headers");
    return this.#exchange;
  }
}
