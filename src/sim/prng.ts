// Seeded chance for simulations: sfc32 (Doty-Humphrey, PractRand), which passes BigCrush, seeded through splitmix32.

/** A source of reproducible random numbers. */
export interface Prng {
  /** A number from 0 up to, not including, 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/**
 * Makes a generator that gives the same numbers for the same seed, on every machine.
 *
 * @example
 * ```ts
 * import { createPrng } from "millrace/sim";
 *
 * const [one, other] = [createPrng(7), createPrng(7)];
 * console.log(one.between(1, 6) === other.between(1, 6), one.chance(1)); // => true, true
 * ```
 */
export function createPrng(seed: number): Prng {
  let state = seed | 0;
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
  };
}
