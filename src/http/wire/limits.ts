// The bounds that the wire readers hold a peer to. The interface only: the values come from the caller (src/config.ts has the
// defaults), so that a server or a route can set its own. Bounds that follow from a grammar, such as the length of a method, stand
// beside that grammar.

/** Bounds on one message, each a whole number of 1 or more. Going over one is a `Rejection` with the status named here. */
export interface HttpLimits {
  /** Bytes of a request head, from the request line to its empty line, both included. Over it: 431. */
  readonly headBytesMax: number;
  /** Field lines in a head, and again in a trailer section. Over it: 431. */
  readonly fieldsMax: number;
  /** Bytes of a request target. Over it: 414. */
  readonly targetBytesMax: number;
  /** Bytes of a trailer section, its empty line not counted. Over it: 431. */
  readonly trailerBytesMax: number;
  /** Bytes of all the chunk extensions of one message together. Over it: 413. */
  readonly chunkExtensionBytesMax: number;
  /** Bytes of body content, after chunked coding was taken off; at most `Number.MAX_SAFE_INTEGER`. Over it: 413. */
  readonly bodyBytesMax: number;
}
