// The one thing in the head of an answer that may change from one to the next: the value of Date.

/** Bytes of a date in the one form that may be sent. */
export const DATE_BYTES = 29;

const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/** Where the value of Date stands in a head; -1 without one. */
export function dateAt(head: string): number {
  const at = head.toLowerCase().indexOf("\r\ndate: ");
  return at === -1 ? -1 : at + 8;
}

/** Whether `value` is a date of its form. */
export function isDate(value: string): boolean {
  return DATE.test(value);
}

/** The head with its date masked, if that is one; what is no date stays and is noticed. */
export function maskDate(head: string): string {
  const at = dateAt(head);
  if (at === -1 || !isDate(head.slice(at, at + DATE_BYTES))) return head;
  return head.slice(0, at) + "masked".padEnd(DATE_BYTES) + head.slice(at + DATE_BYTES);
}
