// What a run of the tests can be told from outside.

/** The whole number that the environment variable `name` holds, `usual` without it. @throws Error for anything else */
export function wholeNumber(name: string, usual: number): number {
  const given = process.env[name];
  if (given === undefined || given === "") return usual;
  const number = Number(given);
  if (Number.isSafeInteger(number)) return number;
  throw new Error(`Cannot use ${name}=${given}: not a whole number`);
}
