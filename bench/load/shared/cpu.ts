// What the kernel says that a process has used: CPU time of all its threads, resident memory. Linux only. Threads that have ended are not
// counted; Bun keeps its own.

import { readdirSync, readFileSync } from "node:fs";

/** Nanoseconds on a CPU of all present threads of a process. @throws when there is no such process. */
export function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1");
      sum += Number(text.slice(0, text.indexOf(" ")));
    } catch (error) {
      // A thread may end between the listing and the reading.
      if (!["ENOENT", "ESRCH"].includes((error as { code?: string }).code ?? "")) throw error;
    }
  }
  return sum;
}

/** What a field of times in /proc counts in: a hundredth of a second on every Linux. */
const TICK_NS = 10_000_000;
/** Where the kernel's part stands among the fields behind the name, which are told from it by its bracket: utime is one before it. */
const SYSTEM_FIELD = 12;

/**
 * Nanoseconds of a process within the kernel. The kernel does not measure them: it looks at each tick of its clock what is running, and divides the
 * exact sum by that, so that only differences over seconds of CPU time tell anything. @throws when there is no such process.
 */
export function kernelNanoseconds(pid: number): number {
  return kernelNanosecondsIn(readFileSync(`/proc/${pid}/stat`, "latin1"));
}

/** The same from the text of /proc/PID/stat. */
export function kernelNanosecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  return Number(fields[SYSTEM_FIELD]) * TICK_NS;
}

/** Resident bytes of a process. @throws when there is no such process. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (match === null) throw new Error(`Cannot read the memory of process ${pid}: it has no VmRSS`);
  return Number(match[1]) * 1024;
}
