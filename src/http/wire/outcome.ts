// What the pull readers of this folder answer: small integers, so that a step that makes progress allocates nothing. It is not an
// error channel: input that breaks a rule throws a `Rejection` (rejection.ts).

/** Everything up to `end` was looked at and the element is not complete: call again when more bytes have come. */
export const NEED_MORE = 0;

/** A whole head was read: the parser's fields are set. */
export const COMPLETE = 1;

/** A stretch of body content was found: it lies at `dataStart` to `dataEnd`. */
export const DATA = 2;

/** The body, its trailer section included, has ended. */
export const END = 3;
