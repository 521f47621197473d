// Values that live as long as their request: what middleware found out and handlers want to know, such as who is logged in. Each is a key of
// its own with a type, so two that have the same name do not meet. A request that has none costs nothing, and nobody has to clear
// anything: the values are held by the request alone, and go with it.

import { MillraceError } from "../core/errors.ts";
import type { HttpRequest } from "./request.ts";

/** A value of each request, made by {@link requestLocal}. A request keeps it after it has been answered, for as long as somebody holds it. */
export interface RequestLocal<T> {
  /** Sets the value of `request`; a later one replaces it. */
  set(request: HttpRequest<object>, value: T): void;
  /** The value of `request`. @throws UnsetLocalError when nothing has set it. */
  get(request: HttpRequest<object>): T;
  /** The value of `request`, `null` when nothing has set it. */
  find(request: HttpRequest<object>): T | null;
  /** Whether something has set the value of `request`, be it to `null`. */
  has(request: HttpRequest<object>): boolean;
}

/**
 * A request-local value was asked for that nothing had set: the middleware that sets it does not stand around this handler.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { requestLocal, serveHttp, text, UnsetLocalError } from "millrace/http";
 *
 * const user = requestLocal<string>("user");
 * const greet = (request: Parameters<typeof user.get>[0]) => text(`hello ${user.get(request)}`); // and no middleware sets it
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const onError = (error: unknown) => {
 *     console.log(error instanceof UnsetLocalError); // => true
 *   };
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`));
 *   yield* race({ client, server: serveHttp(listener, greet, { onError }) }); // the client gets a 500
 * }).promise;
 * ```
 */
export class UnsetLocalError extends MillraceError {
  override name = "UnsetLocalError";
  constructor(message: string) {
    super("ERR_HTTP_LOCAL_UNSET", message);
  }
}

/**
 * A new request-local value. `name` appears in errors only.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { type Middleware, requestLocal, serveHttp, text, use } from "millrace/http";
 *
 * const user = requestLocal<string>("user");
 * const signedIn: Middleware = (next) => (request) => {
 *   user.set(request, request.headers.get("x-user") ?? "nobody");
 *   return next(request);
 * };
 * const greet = use([signedIn], (request) => text(`hello ${user.get(request)}`));
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const asked = fetch(`http://127.0.0.1:${listener.port}/`, { headers: { "x-user": "ada" } });
 *   const client = until(asked.then((response) => response.text()));
 *   console.log((yield* race({ client, server: serveHttp(listener, greet) })).value); // => "hello ada"
 * }).promise;
 * ```
 */
export function requestLocal<T>(name: string): RequestLocal<T> {
  return new WeakLocal<T>(name);
}

class WeakLocal<T> implements RequestLocal<T> {
  readonly #name: string;
  readonly #values = new WeakMap<HttpRequest<object>, T>();

  constructor(name: string) {
    this.#name = name;
  }

  set(request: HttpRequest<object>, value: T): void {
    this.#values.set(request, value);
  }

  get(request: HttpRequest<object>): T {
    const value = this.#values.get(request);
    // What was set may be undefined, too.
    if (value === undefined && !this.#values.has(request))
      throw new UnsetLocalError(`Cannot get "${this.#name}" of the request: nothing has set it`);
    return value as T;
  }

  find(request: HttpRequest<object>): T | null {
    return this.has(request) ? this.get(request) : null;
  }

  has(request: HttpRequest<object>): boolean {
    return this.#values.has(request);
  }
}
