// What the kernel says that a process has used: CPU time of all its threads, resident memory. Linux only.
//
// The CPU time is that of the process's own clock. The threads' times in /proc do not do: one that ends takes its time along, and a compiler's thread
// ends when it had nothing to do for ten seconds. A burst in which that happened looked as if it had cost next to nothing.

import { readFileSync } from "node:fs";

import { dlopen } from "bun:ffi";

const { symbols: libc } = dlopen("libc.so.6", { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });
/** Seconds and nanoseconds, as the call leaves them. */
const time = new BigInt64Array(2);
/** In the number of a clock: scheduled time, of a whole process. */
const PROCESS_CLOCK = 2;

/** Nanoseconds on a CPU of all threads of a process, those that have ended among them. @throws when there is no such process. */
export function cpuNanoseconds(pid: number): number {
  // As clock_getcpuclockid(3) makes it.
  const clock = (~pid << 3) | PROCESS_CLOCK;
  if (libc.clock_gettime(clock, time) !== 0)
    throw new Error(`Cannot read the CPU time of process ${pid}: there is no such process`);
  return Number(time[0]) * 1e9 + Number(time[1]);
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
