// Keeps one object of each kind reachable for ever. When the last connection is collected, JavaScriptCore drops the hidden classes of its parts,
// and code compiled for them is never as fast again: after a pause without connections a pipelined request cost 1.02 to 1.26 us instead of
// 0.75 until the process was restarted.

const anchors = new Map<string, readonly object[]>();

/** Keeps `objects` as the ones of `kind`, unless that kind has some already. */
export function anchor(kind: string, ...objects: readonly object[]): void {
  if (!anchors.has(kind)) anchors.set(kind, objects);
}

/** What is kept for `kind`. */
export function anchored(kind: string): readonly object[] {
  return anchors.get(kind) ?? [];
}
