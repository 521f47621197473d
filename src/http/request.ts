// A request as a handler sees it. Everything is lazy: a handler that never asks for the target or a header pays for no string. The request
// is good until it is answered; what is kept longer must have been asked for before.

import { TARGETS_KEPT_MAX } from "../config.ts";
import { Once } from "../concurrency/delegate.ts";
import type { Operation } from "../core/operation.ts";

import { readAll, readChunk, readJson, readText } from "./body-reader.ts";
import { type Cookies, cookiesOf } from "./cookies.ts";
import { RequestOverError, requestOver } from "./errors.ts";
import { BodySource, bodyStream } from "./fetch/body-source.ts";
import { plainUrl } from "./fetch/url.ts";
import type { Exchange } from "./exchange.ts";
import { type Forwarded, forwardedOf, type Trust } from "./forwarded.ts";
import type { FormLimits, FormParts, FormSource } from "./form-data.ts";
import { HeadFields, type RequestHeaders, TrailerFields } from "./request-headers.ts";
import { BODY_CHUNKED, BODY_NONE } from "./wire/framing.ts";
import { Rejection } from "./wire/rejection.ts";
import { sliceLatin1 } from "./wire/text.ts";
import { TextCache } from "./wire/text-cache.ts";

/** What few requests are asked for: kept apart, because every request pays for a field. */
interface Extras {
  query: URLSearchParams | null;
  cookies: Cookies | null;
  forwarded: Forwarded | null;
  /** Below the prefix of a mount: what is left of the path. */
  localPath: string | null;
}

const targets = new TextCache(TARGETS_KEPT_MAX);

/** A dozen modules that only a server with forms needs: loaded with the first form. */
function forms(): typeof import("./form-data.ts") {
  // oxlint-disable-next-line typescript/no-require-imports -- an import() would make every caller wait
  return require("./form-data.ts") as typeof import("./form-data.ts");
}

/**
 * One request. `Params` is what its route has as parameters.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { type HttpHandler, json, serveHttp } from "millrace/http";
 *
 * const count: HttpHandler = function* (request) {
 *   const words = (yield* request.text()).split(" ");
 *   return json({ method: request.method, lang: request.query.get("lang"), words: words.length });
 * };
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const asked = fetch(`http://127.0.0.1:${listener.port}/?lang=en`, { method: "POST", body: "rye and oats" });
 *   const client = until(asked.then((response) => response.json()));
 *   const { value } = yield* race({ client, server: serveHttp(listener, count) });
 *   console.log(value); // => { method: "POST", lang: "en", words: 3 }
 * }).promise;
 * ```
 */
export class HttpRequest<out Params extends object = Readonly<Record<string, string>>> {
  /** Parameters of the route that matched, percent-decoded where that is possible; empty without a router. */
  readonly params: Params = NO_PARAMS as Params;
  readonly #exchange: Exchange;
  readonly #number: number;
  #target: string | null = null;
  #headers: RequestHeaders | null = null;
  #extras: Extras | null = null;

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
      const target = targets.slice(bytes, start + framing.pathStart, start + framing.pathEnd);
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

  /** The path that a router matches: below the prefix of a {@link mount} what is left of it, else all. Begins with a slash, except for `*`. */
  get localPath(): string {
    return this.#extras?.localPath ?? this.path;
  }

  /** @internal A mounted handler takes over: `path` is what its prefix has left over. */
  enterMount(path: string): void {
    this.#rest.localPath = path;
  }

  /** The query, parsed. */
  get query(): URLSearchParams {
    const rest = this.#rest;
    if (rest.query === null) {
      const { target } = this;
      const at = target.indexOf("?");
      // It drops one question mark, ours.
      rest.query = new URLSearchParams(at === -1 ? "" : target.slice(at));
    }
    return rest.query;
  }

  /** The header fields, looked up by name when they are asked for; names in any case. */
  get headers(): RequestHeaders {
    this.#headers ??= new HeadFields(this.#present("the headers"));
    return this.#headers;
  }

  /** The fields behind a chunked body, once it was read to its end; none before, and none of other bodies. They never join the headers. */
  get trailers(): RequestHeaders {
    return new TrailerFields(this.#present("the trailers").trailers);
  }

  /** The cookies that came along, percent-decoded where that is possible. Of two with one name the first counts. */
  get cookies(): Cookies {
    const rest = this.#rest;
    rest.cookies ??= cookiesOf(this.headers.getAll("cookie"));
    return rest.cookies;
  }

  /** Host and port that were asked for, as sent; empty when an HTTP/1.0 client named none. With `trustProxy`, what the proxy was asked for. */
  get host(): string {
    const { bytes, start, framing, host } = this.#present("the host");
    if (host.trust !== null) return this.#behindProxies(host.trust).host;
    return sliceLatin1(bytes, start + framing.hostStart, start + framing.hostEnd);
  }

  /** `http`, or `https` when it came over TLS. With `trustProxy`, what the client spoke to the proxy. */
  get protocol(): "http" | "https" {
    const { trust, conn } = this.#exchange.host;
    if (trust !== null) return this.#behindProxies(trust).protocol;
    return conn.secure ? "https" : "http";
  }

  /** IP address of the peer. With `trustProxy`, of the client that the proxies tell of. */
  get remoteAddress(): string {
    const { trust, conn } = this.#exchange.host;
    return trust === null ? conn.remoteAddress : this.#behindProxies(trust).remoteAddress;
  }

  /** Port of the peer. */
  get remotePort(): number {
    return this.#exchange.host.conn.remotePort;
  }

  /** Aborts when the client is gone or the server gives the request up: the bridge to `fetch` and its like. */
  get signal(): AbortSignal {
    return this.#present("the signal").host.signal;
  }

  /** Whether a body follows. */
  get hasBody(): boolean {
    return this.#present("the body").framing.body !== BODY_NONE;
  }

  /** Bytes of the body as the client announced them: 0 without a body, -1 for one that comes in chunks and has its length at its end. */
  get bodyLength(): number {
    const { framing } = this.#present("the body");
    return framing.body === BODY_CHUNKED ? -1 : framing.bodyLength;
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
  text(): Operation<string> {
    const exchange = this.#present("the body");
    return new Once("request.text", () => readText(exchange, this.#number));
  }

  /** The whole body as JSON. @throws Rejection (400, with the parser's error as its cause) when it is none; otherwise as {@link read} */
  json(): Operation<unknown> {
    const exchange = this.#present("the body");
    return new Once("request.json", () => readJson(exchange, this.#number));
  }

  /**
   * The body as a web stream, for `fetch` and its like; `null` when there is none. It is read at the pace of who reads it, and fails once the
   * request is answered.
   */
  stream(): ReadableStream<Uint8Array> | null {
    return this.hasBody ? bodyStream(this.promisedBody()) : null;
  }

  /**
   * The whole body as a form, multipart or urlencoded; files are in memory then, see {@link parts}.
   * @throws Rejection: 415 for a body of another type, 400 for one that is no form, 413 for one above a limit; otherwise as {@link read}.
   */
  formData(limits: FormLimits = {}): Operation<FormData> {
    return new Once("request.formData", () => forms().readForm(this.#form(), limits));
  }

  /**
   * The parts of a multipart form as they come, one at a time in memory.
   * @throws Rejection: 415 for a body of another type, 400 when its boundary is missing.
   *
   * @example
   * ```ts
   * import { listen, race, run, until } from "millrace";
   * import { type HttpHandler, json, serveHttp } from "millrace/http";
   *
   * const upload: HttpHandler = function* (request) {
   *   const stored: Record<string, number> = {};
   *   const parts = request.parts();
   *   for (let part; (part = yield* parts.next()) !== null;) stored[part.fileName ?? part.name] = part.bytes.length;
   *   return json(stored);
   * };
   *
   * const body = new FormData();
   * body.append("grain", "rye");
   * body.append("picture", new File(["GIF89a"], "mill.gif"));
   * await run(function* () {
   *   const listener = yield* listen({ port: 0 });
   *   const asked = fetch(`http://127.0.0.1:${listener.port}/`, { method: "POST", body });
   *   const client = until(asked.then((response) => response.json()));
   *   console.log((yield* race({ client, server: serveHttp(listener, upload) })).value); // => { grain: 3, "mill.gif": 6 }
   * }).promise;
   * ```
   */
  parts(limits: FormLimits = {}): FormParts {
    return forms().readParts(this.#form(), limits);
  }

  /** @internal Tells the server's hook of bad input that a handler answers itself. */
  rejected(rejection: Rejection): void {
    this.#exchange.host.rejected(rejection);
  }

  /** @internal What it was asked for as a URL. */
  get url(): string {
    const plain = plainUrl(this.#present("the URL"));
    if (plain !== "") return plain;
    const { protocol, host, target } = this;
    return `${protocol}://${host === "" ? "localhost" : host}${target[0] === "/" ? target : `/${target}`}`;
  }

  /** @internal The body for code that lives on promises. */
  promisedBody(): BodySource {
    return new BodySource(this.#present("the body"));
  }

  #form(): FormSource {
    if (this.#present("the body").bodyRead)
      throw new RequestOverError("Cannot read the body of the request: it was read before");
    return {
      contentType: this.headers.get("content-type") ?? "",
      read: () => this.read(),
      text: () => this.text(),
    };
  }

  #behindProxies(trust: Trust): Forwarded {
    const rest = this.#rest;
    if (rest.forwarded === null) {
      const { bytes, start, framing, host } = this.#present("the origin");
      const { remoteAddress, secure } = host.conn;
      const source = {
        remoteAddress,
        protocol: secure ? "https" : "http",
        host: sliceLatin1(bytes, start + framing.hostStart, start + framing.hostEnd),
        headers: this.headers,
      } as const;
      rest.forwarded = forwardedOf(source, trust);
    }
    return rest.forwarded;
  }

  get #rest(): Extras {
    this.#extras ??= { query: null, cookies: null, forwarded: null, localPath: null };
    return this.#extras;
  }

  #present(what: string): Exchange {
    const exchange = this.#exchange;
    if (exchange.number !== this.#number) throw requestOver(what);
    return exchange;
  }
}

/** @internal The parameters where there are none: without a prototype, as rou3's are, so that no name is in it. */
export const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);
