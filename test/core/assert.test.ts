// Assertions are for our own bugs and say so.

import { expect, test } from "bun:test";
import { assert, AssertionError } from "../../src/core/assert.ts";
import { thrown } from "./kit.ts";

test("assert is silent when the invariant holds and throws AssertionError when it does not", () => {
  assert(true, "never seen");
  const error = thrown(() => assert(false, "two is three"));
  expect(error).toBeInstanceOf(AssertionError);
  expect(error).toMatchObject({ code: "ERR_ASSERTION", message: "millrace invariant broken: two is three" });
});
