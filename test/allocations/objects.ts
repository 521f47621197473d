// How many objects an operation makes, and how many something keeps, from the engine's own count of what is on its heap. A count takes in garbage
// that was not collected yet, so as long as nothing is collected in between the difference of two counts is exact.

import { heapStats } from "bun:jsc";

/** Objects by kind. Instances of all classes are `Object`, iterator results that the engine makes for a `yield` among them. */
export type ObjectCounts = Readonly<Record<string, number>>;

/** What the engine makes for itself: hidden classes, code, and the tables of both. */
const ENGINE_KINDS = /Structure|CodeBlock|PropertyTable|Executable|RareData|Butterfly|JSSourceCode|SymbolTable/;

/** Objects of a kind that nothing here makes otherwise: if one of them is missing at the end, garbage was collected. */
const CANARIES = 16;
const CANARY_KIND = "DataView";
const canaryBuffer = new ArrayBuffer(1);

/**
 * The objects that one call of `operation` makes, garbage included. What the optimising compilers have seen to makes fewer, so few calls are made.
 * @throws when garbage was collected meanwhile.
 */
export function objectsMade(operation: () => void, times: number): ObjectCounts {
  for (let i = 0; i < 5; i++) operation();
  const empty = countOver(() => {}, 1);
  const made = countOver(operation, times);
  return each(made, empty, times);
}

/** The objects that one of `count` things keeps: `make` makes them all and gives what holds them, `drop` lets go of them. */
export function objectsKept<Holder>(
  count: number,
  make: () => Holder,
  drop: (holder: Holder) => void,
): { kept: ObjectCounts; bytes: number; left: ObjectCounts } {
  const empty = difference(collected(), collected());
  const before = collected();
  const bytesBefore = heapStats().heapSize;
  const holder = make();
  const held = collected();
  const bytes = (heapStats().heapSize - bytesBefore) / count;
  drop(holder);
  const after = collected();
  return {
    kept: each(difference(before, held), empty, count),
    bytes,
    left: each(difference(before, after), empty, count),
  };
}

/** Calls `operation` so many times; how many objects there are more, by kind. */
function countOver(operation: () => void, times: number): Record<string, number> {
  Bun.gc(true);
  const before = heapStats().objectTypeCounts;
  for (let i = 0; i < CANARIES; i++) void new DataView(canaryBuffer);
  for (let i = 0; i < times; i++) operation();
  const made = difference(before, heapStats().objectTypeCounts);
  if (made[CANARY_KIND] !== CANARIES) throw new Error("Cannot count the objects: garbage was collected meanwhile");
  made[CANARY_KIND] = 0;
  return made;
}

/** A count after everything was collected that can be. */
function collected(): ObjectCounts {
  for (let i = 0; i < 3; i++) Bun.gc(true);
  return heapStats().objectTypeCounts;
}

function difference(before: ObjectCounts, after: ObjectCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([kind, count]) => [kind, count - (before[kind] ?? 0)]));
}

/** A `times`-th of `made` without what counting itself makes, to whole objects: a rest is what was made once, such as a grown array. */
function each(made: ObjectCounts, empty: ObjectCounts, times: number): ObjectCounts {
  const kinds = Object.keys(made).filter((kind) => !ENGINE_KINDS.test(kind));
  const rounded = kinds.map((kind) => [kind, Math.round(((made[kind] ?? 0) - (empty[kind] ?? 0)) / times)] as const);
  return Object.fromEntries(rounded.filter(([, count]) => count !== 0));
}
