// Cookies: reading those of a request, and setting them on a reply. Syntax and encoding are the library's (RFC 6265). Added here: what browsers
// refuse without a word is an error, as nobody would ever learn why the cookie does not come back. No signing and no sessions.
//
// Values are percent-encoded where they must be, and decoded when they are read; a value that cannot be decoded is given as it was sent.

import { parseCookie, type SetCookie, stringifySetCookie } from "cookie";
import { describeValue } from "../core/operation.ts";
import { type Reply, withHeaders } from "./reply.ts";

/** The cookies of a request, by name. It has no prototype: a cookie named `constructor` or `__proto__` is one like the others. */
export type Cookies = Readonly<Record<string, string | undefined>>;

/** The attributes of a cookie. */
export interface CookieOptions {
  /** The host, and all below it, that gets the cookie. Default: only the host that set it. */
  readonly domain?: string;
  /** The path, and all below it, that gets the cookie. Default `/`; empty for the folder of the request's path. */
  readonly path?: string;
  /** Seconds that the cookie lives; 0 or less deletes it. Without it and `expires` it lives as long as the browser runs. */
  readonly maxAge?: number;
  /** When the cookie ends. `maxAge` goes before it. */
  readonly expires?: NonNullable<SetCookie["expires"]>;
  /** Scripts in the page do not see it. */
  readonly httpOnly?: boolean;
  /** It is only sent over TLS. */
  readonly secure?: boolean;
  /** Whether it goes along with requests that come from other sites; `true` is `"strict"`. */
  readonly sameSite?: "strict" | "lax" | "none" | boolean;
  /** A jar of its own under each site that embeds this one. Needs `secure`. */
  readonly partitioned?: boolean;
  /** Which cookies a full jar keeps. */
  readonly priority?: "low" | "medium" | "high";
}

/** Bytes of name and value together that browsers accept (RFC 6265bis section 5.7). */
const COOKIE_BYTES_MAX = 4096;

/** The cookies in the Cookie fields of a request. Of two with one name the first counts: the one with the longer path. */
export function cookiesOf(fields: readonly string[]): Cookies {
  const cookies: Record<string, string | undefined> = Object.create(null);
  return Object.freeze(Object.assign(cookies, parseCookie(fields.join("; "))));
}

/**
 * `reply` with a cookie set by it.
 * @throws TypeError for a name, value or attribute that cannot be sent, and for a cookie that browsers would drop.
 *
 * @example
 * ```ts
 * import { setCookie, text } from "millrace/http";
 *
 * const reply = setCookie(text("hello"), "session", "7f3a", { httpOnly: true, secure: true, sameSite: "lax" });
 * console.log(reply.headers[0]?.[1]); // => "session=7f3a; Path=/; HttpOnly; Secure; SameSite=Lax"
 * ```
 */
export function setCookie(reply: Reply, name: string, value: string, options: CookieOptions = {}): Reply {
  const attempt = `Cannot set the cookie ${describeValue(name)}`;
  if (typeof value !== "string") throw new TypeError(`${attempt}: its value is no text, but ${describeValue(value)}`);
  const attributes = { path: "/", ...options };
  const fault = faultOf(name, attributes);
  if (fault !== null) throw new TypeError(`${attempt}: ${fault}`);
  const field = serialised(attempt, { ...attributes, name, value } as SetCookie);
  const end = field.indexOf(";");
  const bytes = (end === -1 ? field.length : end) - 1;
  if (bytes > COOKIE_BYTES_MAX)
    throw new TypeError(
      `${attempt}: name and value are ${bytes} bytes long, and browsers take ${COOKIE_BYTES_MAX} at most`,
    );
  return withHeaders(reply, [["set-cookie", field]]);
}

/**
 * `reply` with a cookie deleted by it. `domain` and `path` must be those that the cookie was set with. @throws TypeError as {@link setCookie}
 *
 * @example
 * ```ts
 * import { deleteCookie, redirect } from "millrace/http";
 *
 * console.log(deleteCookie(redirect("/"), "session").headers[1]?.[1]); // => "session=; Max-Age=0; Path=/"
 * ```
 */
export function deleteCookie(
  reply: Reply,
  name: string,
  options: Omit<CookieOptions, "expires" | "maxAge"> = {},
): Reply {
  return setCookie(reply, name, "", { ...options, maxAge: 0 });
}

function serialised(attempt: string, cookie: SetCookie): string {
  try {
    return stringifySetCookie(cookie);
  } catch (error) {
    throw new TypeError(`${attempt}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Why browsers would drop the cookie, or `null`. */
function faultOf(name: string, options: CookieOptions): string | null {
  const { secure = false } = options;
  if (/^__(?:secure|host)-/i.test(name) && !secure) return "a cookie with this prefix must be secure";
  if (/^__host-/i.test(name) && (options.path !== "/" || options.domain !== undefined))
    return 'a cookie with this prefix must have the path "/" and no domain';
  if (options.sameSite === "none" && !secure) return 'with sameSite "none" it must be secure';
  if (options.partitioned === true && !secure) return "a partitioned cookie must be secure";
  return null;
}
