// What a fuzz run can be told from outside: FUZZ_SEED for other requests than the usual ones, FUZZ_REQUESTS for more or fewer of them.

/** The seed of this run. The usual one is fixed: a run that failed fails again. */
export const fuzzSeed: number = wholeNumber("FUZZ_SEED", 20_260_901);

/** How many requests to make, where `usual` is what the suite has time for. */
export function fuzzRequests(usual: number): number {
  return wholeNumber("FUZZ_REQUESTS", usual);
}

function wholeNumber(name: string, usual: number): number {
  const given = process.env[name];
  if (given === undefined || given === "") return usual;
  const number = Number(given);
  if (Number.isSafeInteger(number)) return number;
  throw new Error(`Cannot fuzz with ${name}=${given}: not a whole number`);
}
