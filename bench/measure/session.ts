// One call of a bench: where, when, from which version and by which command it measured. Every file of results begins with it.

import { join } from "node:path";

import { describeMachine, type Machine } from "./machine.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** What all kinds of results say of where they come from. */
export interface Session {
  readonly machine: Machine;
  readonly startedAt: string;
  /** The command line that measured it. */
  readonly command?: string;
  /** The commit that was measured, with `-dirty` where the tree was not as committed; none outside of a git checkout. */
  readonly revision?: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Begins a session of `script`, which is what the command is called in package.json. */
export function beginSession(script: string, options: Session["options"]): Session {
  const machine = describeMachine();
  const command = ["bun run", script, ...process.argv.slice(2)].join(" ");
  const revision = revisionOf(ROOT);
  return {
    machine,
    startedAt: new Date().toISOString(),
    command,
    ...(revision === null ? {} : { revision }),
    options,
  };
}

/** Machine, versions and time in one line. */
export function describeSession({ machine, startedAt }: Session): string {
  const { cpu, cores, memoryGiB, kernel, bun, load1 } = machine;
  return `${startedAt}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Bun ${bun}, load ${load1}`;
}

/** The commit of a folder's checkout. */
function revisionOf(folder: string): string | null {
  if (Bun.which("git") === null) return null;
  const { success, stdout } = Bun.spawnSync(["git", "describe", "--always", "--dirty", "--exclude=*"], {
    cwd: folder,
    stderr: "ignore",
  });
  return success ? stdout.toString().trim() : null;
}
