// Conditions of a GET or HEAD against the validators of what would be sent, in the order of RFC 9110 section 13.2.2. What is no date is ignored,
// as that RFC says. `Cache-Control: no-cache` in a request makes no condition false: it speaks to caches.

import fresh from "fresh";
import type { RequestHeaders } from "../request-headers.ts";
import { formatDate } from "../wire/date.ts";
import { parseDate } from "./http-date.ts";
import type { Validators } from "./validators.ts";

/** What the conditions say: send it, the client has it (304), or the client wants no answer about this version (412). */
export type Verdict = "send" | "not-modified" | "failed";

/** An entity tag. */
const TAG = /(?:W\/)?"[^"]*"/g;
/** Years that wire/date.ts can write. */
const DATE_MS_END = 253_402_300_800_000;

/** Judges `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since`. */
export function verdictOf(headers: RequestHeaders, validators: Validators, nowMs: number): Verdict {
  const match = headers.get("if-match");
  if (match !== null) {
    if (!matchesStrongly(match, validators)) return "failed";
  } else if (wasModifiedSince(headers.get("if-unmodified-since"), validators, nowMs)) return "failed";
  return isFresh(headers, validators, nowMs) ? "not-modified" : "send";
}

/** Whether the client's part of the file is of this version, so that another part may be put to it: `If-Range`. True when it does not ask. */
export function rangeHolds(headers: RequestHeaders, validators: Validators, nowMs: number): boolean {
  const condition = headers.get("if-range");
  if (condition === null) return true;
  // A weak validator never holds here: two parts of versions that differ would make a file that never was.
  if (!validators.isStrong) return false;
  if (condition.endsWith('"')) return condition === validators.etag;
  return validators.lastModifiedMs >= 0 && parseDate(condition, nowMs) === validators.lastModifiedMs;
}

function matchesStrongly(condition: string, { etag, isStrong }: Validators): boolean {
  if (condition === "*") return true;
  return etag !== null && isStrong && (condition.match(TAG)?.includes(etag) ?? false);
}

function wasModifiedSince(condition: string | null, { lastModifiedMs }: Validators, nowMs: number): boolean {
  if (condition === null || lastModifiedMs < 0) return false;
  const since = parseDate(condition, nowMs);
  return since !== null && lastModifiedMs > since;
}

function isFresh(headers: RequestHeaders, { etag, lastModified }: Validators, nowMs: number): boolean {
  const noneMatch = headers.get("if-none-match");
  const known: Record<string, string> = {};
  if (etag !== null) known["etag"] = etag;
  if (noneMatch !== null) return fresh({ "if-none-match": noneMatch }, known);
  const since = parseDate(headers.get("if-modified-since") ?? "", nowMs);
  if (since === null || since < 0 || since >= DATE_MS_END || lastModified === null) return false;
  // Handed on in the form of today: `fresh` reads dates with Date.parse, and that reads the older forms wrongly or not at all.
  return fresh({ "if-modified-since": formatDate(since) }, { "last-modified": lastModified });
}
