// What a result must say of where it was made. No names and no paths: results may be published.

import { cpus, loadavg, release, totalmem } from "node:os";

import manifest from "../../package.json" with { type: "json" };

/** The machine and the versions. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly bun: string;
  /** Load average over the last minute, before the bench began. */
  readonly load1: number;
  /** Versions of what is measured, or measures, beside Bun. */
  readonly packages?: Readonly<Record<string, string>>;
}

/** Packages whose version a figure depends on, as far as package.json names them. */
const PACKAGES: ReadonlySet<string> = new Set(["autocannon", "elysia", "fastify", "hono"]);

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
    packages: Object.fromEntries(Object.entries(manifest.devDependencies).filter(([name]) => PACKAGES.has(name))),
  };
}
