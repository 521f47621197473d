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

/** Resident bytes of a process. @throws when there is no such process. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (match === null) throw new Error(`Cannot read the memory of process ${pid}: it has no VmRSS`);
  return Number(match[1]) * 1024;
}
