// What a fuzz run can be told from outside: FUZZ_SEED for other requests than the usual ones, FUZZ_REQUESTS for more or fewer of them.

import {
  BODY_BYTES_MAX,
  CHUNK_EXTENSION_BYTES_MAX,
  FIELDS_MAX,
  HEAD_BYTES_MAX,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
} from "../../src/config.ts";
import type { HttpLimits } from "../../src/http/wire/limits.ts";
import { wholeNumber } from "../environment.ts";

/** The limits of a server that sets none. */
export const usualLimits: HttpLimits = {
  headBytesMax: HEAD_BYTES_MAX,
  fieldsMax: FIELDS_MAX,
  targetBytesMax: TARGET_BYTES_MAX,
  trailerBytesMax: TRAILER_BYTES_MAX,
  chunkExtensionBytesMax: CHUNK_EXTENSION_BYTES_MAX,
  bodyBytesMax: BODY_BYTES_MAX,
};

/** The seed of this run. The usual one is fixed: a run that failed fails again. */
export const fuzzSeed: number = wholeNumber("FUZZ_SEED", 20_260_901);

/** How many requests to make, where `usual` is what the suite has time for. */
export function fuzzRequests(usual: number): number {
  return wholeNumber("FUZZ_REQUESTS", usual);
}
