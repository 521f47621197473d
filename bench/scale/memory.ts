// What something keeps in memory: two readings, before it is made and with it in place, each after garbage was collected.

import { heapStats } from "bun:jsc";

/** One reading, in bytes. */
export interface MemoryReading {
  readonly resident: number;
  readonly heap: number;
}

/** Collections before a reading. The allocators give memory back a while after it was freed. */
const COLLECTIONS = 3;
const SETTLE_MS = 100;

/** Reads, after collecting garbage. */
export async function readMemory(): Promise<MemoryReading> {
  for (let i = 0; i < COLLECTIONS; i++) {
    Bun.gc(true);
    await Bun.sleep(SETTLE_MS);
  }
  return { resident: process.memoryUsage.rss(), heap: heapStats().heapSize };
}

/** Crowds of fewer than this many are not all that their bytes hold: a crowd has a gate of its own. */
const CROWD_MIN = 1_000;

/** What each of `total` things keeps that were made in crowds of `count`; 0 for small crowds. */
export function bytesEach(
  before: MemoryReading,
  after: MemoryReading,
  count: number,
  total: number,
): { residentBytes: number; heapBytes: number } {
  if (count < CROWD_MIN) return { residentBytes: 0, heapBytes: 0 };
  return { residentBytes: (after.resident - before.resident) / total, heapBytes: (after.heap - before.heap) / total };
}
