// Percent-decoding of what a client sent (RFC 3986 section 2.1).

/** `text` decoded once, as UTF-8; `null` when it cannot be. */
export function percentDecoded(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
