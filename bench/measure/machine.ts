// What a result must say of where it was made. No names and no paths: results may be published.

import { cpus, loadavg, release, totalmem } from "node:os";

/** The machine and the versions. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly bun: string;
  /** Load average over the last minute, before the bench began. */
  readonly load1: number;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    bun: `${Bun.version}+${Bun.revision.slice(0, 9)}`,
    load1: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}
