// The waiting that handlers of async arms do: the twins of the generator functions in waiting-handlers.ts. Nothing of millrace is imported, so that
// the arms without it do not load it.

import { PROMISES } from "./answers.ts";

/** Waits for {@link PROMISES} settled promises, one after the other; gives the sum of their values. */
export async function sumOfPromises(): Promise<number> {
  let sum = 0;
  for (let i = 1; i <= PROMISES; i++) sum += await Promise.resolve(i);
  return sum;
}

/** A chain of `levels` calls with a wait at its bottom; gives their number. */
export async function descend(levels: number): Promise<number> {
  if (levels === 1) return await Promise.resolve(1);
  return (await descend(levels - 1)) + 1;
}
