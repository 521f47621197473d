// The headers of a request as Fetch `Headers`, without making any: `get` and `has`, which is most of what is ever asked, look the field up in
// the bytes of the head. Everything else makes real ones and goes on with those.

import type { HttpRequest } from "../request.ts";

/** Stands for the Headers of one request; an `instanceof Headers`. */
export class FetchHeaders {
  readonly #request: HttpRequest<object>;
  #made: Headers | null = null;

  constructor(request: HttpRequest<object>) {
    this.#request = request;
  }

  get(name: string): string | null {
    return this.#made === null ? this.#request.headers.get(name) : this.#made.get(name);
  }

  has(name: string): boolean {
    return this.#made === null ? this.#request.headers.has(name) : this.#made.has(name);
  }

  append(name: string, value: string): void {
    this.#real().append(name, value);
  }

  delete(name: string): void {
    this.#real().delete(name);
  }

  set(name: string, value: string): void {
    this.#real().set(name, value);
  }

  getSetCookie(): string[] {
    return this.#real().getSetCookie();
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    this.#real().forEach((value, name) => callback.call(self, value, name, this as unknown as Headers));
  }

  keys(): Iterator<string> {
    return this.#real().keys();
  }

  values(): Iterator<string> {
    return this.#real().values();
  }

  entries(): Iterator<[string, string]> {
    return this.#real().entries();
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#real()[Symbol.iterator]();
  }

  /** Bun's own addition to Headers. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#real());
  }

  /** Bun's own addition to Headers. */
  get count(): number {
    return [...this.#real()].length;
  }

  #real(): Headers {
    this.#made ??= new Headers([...this.#request.headers]);
    return this.#made;
  }
}

Object.setPrototypeOf(FetchHeaders.prototype, Headers.prototype);
