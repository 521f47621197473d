// Which of a TLS server's identities a client is shown: that of the name it asks for (RFC 6066 section 3). A name is written out, `example.org`, or has a
// star for its first label, `*.example.org`, which stands for one label and no more, as in certificates (RFC 9525 section 6.3). The name that
// is written out goes before the star. Names know no case, and have no dot at their end.

/** Something for each of several names. */
export class ServerNames<T> {
  readonly #exact = new Map<string, T>();
  /** Under what follows the star and its dot. */
  readonly #starred = new Map<string, T>();

  constructor(entries: Iterable<readonly [name: string, value: T]>) {
    for (const [name, value] of entries) {
      const lower = name.toLowerCase();
      if (lower.startsWith(STAR)) this.#starred.set(lower.slice(STAR.length), value);
      else this.#exact.set(lower, value);
    }
  }

  /** What stands under the name that a client asks for; `null` for nothing. */
  find(asked: string): T | null {
    const lower = asked.toLowerCase();
    const exact = this.#exact.get(lower);
    if (exact !== undefined) return exact;
    const dot = lower.indexOf(".");
    return (dot > 0 ? this.#starred.get(lower.slice(dot + 1)) : undefined) ?? null;
  }
}

const STAR = "*.";
const NAME_BYTES_MAX = 253;
/** Letters, digits, hyphens and, as hosts are named in the wild, underscores; other alphabets come as `xn--`. */
const NAME = /^(?:[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?\.)*[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/;
const ADDRESS = /^[\d.]+$/;

/** What is wrong with these names, as the end of a message; `null` for nothing. */
export function serverNamesFault(names: readonly string[]): string | null {
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const bare = lower.startsWith(STAR) ? lower.slice(STAR.length) : lower;
    // Clients never ask for an address (RFC 6066 section 3): it would be an identity that nobody is shown.
    if (name.length > NAME_BYTES_MAX || !NAME.test(bare) || ADDRESS.test(bare))
      return `tls.serverNames has ${JSON.stringify(name)}, and a name is like example.org or *.example.org`;
    if (seen.has(lower)) return `tls.serverNames has ${JSON.stringify(lower)} twice`;
    seen.add(lower);
  }
  return null;
}
