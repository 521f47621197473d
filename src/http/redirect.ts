// Redirects: replies that send the client elsewhere.
//
// The location goes out as a URI reference in ASCII: what may not stand in one is percent-encoded as UTF-8, what is percent-encoded already stays.
// A line break in it is an error and not encoded, because nobody means one: it is a value that somebody put in from outside. Where the
// location leads is not judged here; a location made of user input can lead anywhere (`//elsewhere.example` is another host). A backslash, which
// browsers would read as a slash there, is encoded: a check for two slashes at the front has seen all that there are.

import { fieldsOf, Reply, type ReplyInit } from "./reply.ts";

/** The statuses of a redirect. 307 and 308 keep method and body, 303 asks with GET, 301 and 302 do so for POST. */
export type RedirectStatus = 301 | 302 | 303 | 307 | 308;

const STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/**
 * A reply that sends the client to `location`, absolute or relative to the target. It has no body: clients follow the header, and a page with a
 * link would have to be escaped for nobody to see.
 * @throws RangeError for another status, or a location that is empty or holds CR, LF or NUL.
 *
 * @example
 * ```ts
 * import { redirect } from "millrace/http";
 *
 * const reply = redirect("/login?from=/käse", 303);
 * console.log(reply.status, reply.headers); // => 303, [["location", "/login?from=/k%C3%A4se"]]
 * ```
 */
export function redirect(
  location: string | { readonly href: string },
  status: RedirectStatus = 302,
  init?: Omit<ReplyInit, "status">,
): Reply {
  if (!STATUSES.includes(status))
    throw new RangeError(`Cannot redirect: expected one of the statuses ${STATUSES.join(", ")} and found ${status}`);
  const target = encodeLocation(typeof location === "string" ? location : location.href);
  return new Reply("", null, { status, headers: [["location", target], ...fieldsOf(init?.headers)] });
}

/** `location` with every character percent-encoded that has no place in a URI (RFC 3986 section 2). */
function encodeLocation(location: string): string {
  if (location === "") throw new RangeError("Cannot redirect: the location is empty");
  if (/[\r\n\0]/.test(location)) throw new RangeError("Cannot redirect: the location holds CR, LF or NUL");
  // A lone surrogate has no UTF-8: it becomes U+FFFD, as in a browser.
  return location.replace(/[^\x21-\x7e]+|["<>\\^`{|}]/g, (part) => encodeURIComponent(part.toWellFormed()));
}
