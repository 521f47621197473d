// What a Vary field says about content codings (RFC 9110 section 12.5.5).

/** Whether a Vary field of `value` keeps caches from mixing the codings of a body up: by name, or by `*`. */
export function namesAcceptEncoding(value: string): boolean {
  return /(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(value);
}
