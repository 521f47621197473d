// A request as a Fetch `Request`, without making one: making one costs a microsecond with its headers, and most handlers ask for method, URL
// and a header or two. It is an `instanceof Request`, and has every property that `new Request(it)` and `fetch(it)` read; what it
// cannot do itself (`clone`) it does by becoming a real one inside.
//
// What was not asked for before the answer is sent is lost with the head that it stood in; after that it throws RequestOverError.

import type { HttpRequest } from "../request.ts";
import { type BodySource, bodyStream } from "./body-source.ts";
import { FetchHeaders } from "./headers.ts";

/** Stands for the Request of one exchange. */
export class FetchRequest {
  readonly #request: HttpRequest<object>;
  #url = "";
  #headers: Headers | null = null;
  #source: BodySource | null = null;
  #stream: ReadableStream<Uint8Array> | null = null;
  /** `text()` or one of its like took the body. */
  #used = false;
  /** The real one, once it was needed: body and headers are its from then on. */
  #real: Request | null = null;

  constructor(request: HttpRequest<object>) {
    this.#request = request;
  }

  /** The request that it stands for. */
  static requestOf(request: unknown): HttpRequest<object> | null {
    return request instanceof FetchRequest ? request.#request : null;
  }

  get method(): string {
    return this.#request.method;
  }

  get url(): string {
    if (this.#url === "") this.#url = this.#request.url;
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= this.#real?.headers ?? (new FetchHeaders(this.#request) as unknown as Headers);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== null) return this.#real.body;
    if (!this.#request.hasBody) return null;
    this.#stream ??= bodyStream(this.#bodySource());
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? this.#used;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.#bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    const { buffer, byteOffset, byteLength } = bytes;
    const whole = byteLength === buffer.byteLength && buffer instanceof ArrayBuffer;
    return whole ? buffer : (buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.#bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type") ?? "";
    const response = new Response(await this.#bytes(), { headers: { "content-type": type } });
    return (await response.formData()) as FormData;
  }

  async bytes(): Promise<Uint8Array> {
    const bytes = await this.#bytes();
    // A part of a larger buffer is copied: whoever transfers the buffer would take the head of the request, and requests behind it, along.
    return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
  }

  #bytes(): Promise<Uint8Array> {
    if (this.#real !== null) return this.#real.bytes();
    if (this.#used) return Promise.reject(new TypeError("Cannot read the body of the request: it was read before"));
    this.#used = true;
    if (this.#stream !== null) return new Response(this.#stream).bytes();
    return this.#request.hasBody ? this.#bodySource().all() : Promise.resolve(new Uint8Array(0));
  }

  clone(): Request {
    return this.#become().clone() as Request;
  }

  #bodySource(): BodySource {
    this.#source ??= this.#request.promisedBody();
    return this.#source;
  }

  #become(): Request {
    if (this.#used) throw new TypeError("Cannot clone the request: its body was read");
    this.#real ??= new Request(this.url, {
      method: this.method,
      headers: this.headers,
      body: this.body,
      signal: this.signal,
      duplex: "half",
    });
    return this.#real;
  }
}

// What `new Request(it)` reads beside the above: the values that an incoming request has. On the prototype, so that no request pays for them.
Object.assign(FetchRequest.prototype, {
  cache: "default",
  credentials: "same-origin",
  destination: "",
  duplex: "half",
  integrity: "",
  keepalive: false,
  mode: "cors",
  redirect: "follow",
  referrer: "about:client",
  referrerPolicy: "",
});
Object.setPrototypeOf(FetchRequest.prototype, Request.prototype);
