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

interface URLSearchParams {
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
  byteLength(text: string, encoding?: "latin1" | "utf8"): number;
};

// --- Fetch ----------------------------------------------------------------------------------------------------------
// Request, Response, Headers and ReadableStream go here, as small as http/ needs them.
