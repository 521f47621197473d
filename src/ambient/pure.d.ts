// What code outside src/bun and the doors may name beside ECMAScript itself. tsconfig.pure.json checks that code against
// this file and no other ambient types, so that naming a timer, a clock, the console, `process` or `Bun` is a type error:
// those come through the ports in core/host.ts and net/transport.ts, and a simulation can stand in for them.
//
// Each declaration holds only what the sources use and must agree with Bun's own types, because tsconfig.json checks the
// same sources against those. Deliberately absent: timers, queueMicrotask, console, process, performance, crypto, fetch,
// AbortSignal.timeout (it runs on the real clock).

// --- Errors ---------------------------------------------------------------------------------------------------------

interface ErrorConstructor {
  captureStackTrace(target: object, skipUpTo?: Function): void;
  stackTraceLimit: number;
}

// --- Abort signals --------------------------------------------------------------------------------------------------

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: any;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
declare const AbortSignal: {
  abort(reason?: any): AbortSignal;
  any(signals: AbortSignal[]): AbortSignal;
};

interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}
declare const AbortController: { new (): AbortController };

// --- Addresses ------------------------------------------------------------------------------------------------------

interface URLSearchParams extends Iterable<[string, string]> {
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  toString(): string;
}
declare const URLSearchParams: { new (query?: string): URLSearchParams };

interface URL {
  readonly href: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly searchParams: URLSearchParams;
}
declare const URL: {
  new (url: string, base?: string | URL): URL;
  canParse(url: string, base?: string): boolean;
};

// --- Bytes and text -------------------------------------------------------------------------------------------------

interface TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
declare const TextEncoder: { new (): TextEncoder };

interface TextDecoder {
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}
declare const TextDecoder: { new (label?: "utf-8", options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder };

/** A Uint8Array with a faster way to and from text; buffer.d.ts adds the slices and writes. Not for public signatures. */
interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> extends Uint8Array<TArrayBuffer> {
  indexOf(value: string | number | Uint8Array, byteOffset?: number, encoding?: "latin1" | "utf8"): number;
}
declare const Buffer: {
  from(text: string, encoding?: "latin1" | "utf8"): Buffer<ArrayBuffer>;
  from<T extends ArrayBufferLike>(memory: T, byteOffset?: number, length?: number): Buffer<T>;
  allocUnsafe(size: number): Buffer<ArrayBuffer>;
  allocUnsafeSlow(size: number): Buffer<ArrayBuffer>;
  byteLength(text: string, encoding?: "latin1" | "utf8"): number;
};

// --- Fetch ----------------------------------------------------------------------------------------------------------

interface Headers extends Iterable<[string, string]> {
  append(name: string, value: string): void;
  delete(name: string): void;
  entries(): IterableIterator<[string, string]>;
  getSetCookie(): string[];
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string) => void): void;
}
declare const Headers: {
  prototype: Headers;
  new (fields?: Iterable<readonly [string, string]> | Record<string, string>): Headers;
};

interface ReadableStreamDefaultReader<R = any> {
  read(): Promise<{ done: false; value: R } | { done: true; value?: R | undefined }>;
  cancel(reason?: any): Promise<void>;
  releaseLock(): void;
}

interface ReadableStreamDefaultController<R = any> {
  readonly desiredSize: number | null;
  enqueue(chunk?: R): void;
  close(): void;
  error(reason?: any): void;
}

interface ReadableStream<R = any> {
  readonly locked: boolean;
  getReader(): ReadableStreamDefaultReader<R>;
  cancel(reason?: any): Promise<void>;
}
declare const ReadableStream: {
  prototype: ReadableStream;
  new <R = any>(
    source?: {
      type?: undefined;
      pull?(controller: ReadableStreamDefaultController<R>): void | PromiseLike<void>;
      cancel?(reason?: any): void | PromiseLike<void>;
    },
    strategy?: { highWaterMark?: number },
  ): ReadableStream<R>;
};

interface WritableStreamDefaultWriter<W = any> {
  readonly closed: Promise<void>;
  write(chunk?: W): Promise<void>;
  close(): Promise<void>;
  abort(reason?: any): Promise<void>;
}

interface WritableStream<W = any> {
  readonly locked: boolean;
  getWriter(): WritableStreamDefaultWriter<W>;
}
declare const WritableStream: {
  prototype: WritableStream;
  new <W = any>(sink?: {
    write?(chunk: W): void | PromiseLike<void>;
    close?(): void | PromiseLike<void>;
    abort?(reason?: any): void | PromiseLike<void>;
  }): WritableStream<W>;
};

interface Blob {
  readonly size: number;
  readonly type: string;
}
declare const Blob: { new (parts?: (Uint8Array | string)[], options?: { type?: string }): Blob };

interface File extends Blob {
  readonly name: string;
}
declare const File: { new (parts: (Uint8Array | string)[], name: string, options?: { type?: string }): File };

interface FormData extends Iterable<[string, File | string]> {
  append(name: string, value: string): void;
  append(name: string, value: Blob, fileName?: string): void;
  get(name: string): File | string | null;
  getAll(name: string): (File | string)[];
  has(name: string): boolean;
}
declare const FormData: { new (): FormData };

interface Response {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  bytes(): Promise<Uint8Array>;
  formData(): Promise<FormData>;
}
declare const Response: { prototype: Response; new (body?: any, init?: { status?: number; headers?: any }): Response };

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  bytes(): Promise<Uint8Array>;
  clone(): Request;
}
declare const Request: { prototype: Request; new (input: any, init?: any): Request };

/** Loads a module when it is first needed, where an import() would make the caller wait. What it gives is cast to the type of that module. */
declare function require(path: string): unknown;
