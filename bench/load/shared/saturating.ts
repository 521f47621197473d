// What a closed loop that takes as much as it can get reports, whatever program it is.

/** What is loaded, and how. */
export interface Saturating {
  readonly port: number;
  /** Process whose CPU time is read. */
  readonly serverPid: number;
  /** One HTTP request, whole, one character a byte. */
  readonly request: string;
  readonly connections: number;
  /** Requests sent ahead on each connection. */
  readonly pipelining: number;
  readonly ms: number;
}

/** What came of it. */
export interface SaturatingResult {
  readonly answers: number;
  /** Answers that were no success. */
  readonly non2xx: number;
  /** Answers whose body (autocannon), or length (wrk, over all of them), was not that of the first one. */
  readonly mismatches: number;
  /** Connections that failed or were reset, and requests without an answer in time. */
  readonly errors: number;
  readonly wallNs: number;
  readonly serverCpuNs: number;
  readonly generatorCpuNs: number;
}

/** Whether there were answers, and nothing wrong with any. */
export function isRight({ answers, non2xx, mismatches, errors }: SaturatingResult): boolean {
  return answers > 0 && non2xx + mismatches + errors === 0;
}
