// When a load generator measures itself. A closed loop says so by its CPU time: it can send no faster than it computes. An open loop that
// sleeps until a request is due says so by the share of time in which it had something to do, and by how late it sent what it could have
// sent: a generator that is late without being busy was kept from the CPU by others.

/** CPU time of a closed loop's generator, as a share of the wall clock, from which its requests a second are its own and not the server's. */
export const GENERATOR_SHARE_MAX = 0.9;
/** Share of time with work from which an open loop has no room left for what comes a little closer together. */
export const BUSY_SHARE_MAX = 0.85;
/** Microseconds of own lag, p99, above which percentiles of some 100 us are not the server's any more. */
export const LAG_P99_US_MAX = 250;

/** How an open loop has failed to be a good observer: it was busy, or it was late. `null`: it has not. */
export type Saturation = "busy" | "late" | null;

/** Judges an open loop's run. */
export function saturationOf(busyShare: number, lagP99Us: number): Saturation {
  if (busyShare > BUSY_SHARE_MAX) return "busy";
  return lagP99Us > LAG_P99_US_MAX ? "late" : null;
}

/** Whether a closed loop's generator was the limit. */
export function measuresItself(generatorCpuNs: number, wallNs: number): boolean {
  return generatorCpuNs >= GENERATOR_SHARE_MAX * wallNs;
}
