import { describe, expect, test } from "bun:test";

import { METHOD_OTHER, methodCodeOf, methodNames } from "../../../src/http/wire/methods.ts";

const codeOf = (name: string): number => {
  const bytes = Uint8Array.from(`GET${name}GET`, (char) => char.charCodeAt(0));
  return methodCodeOf(bytes, 3, 3 + name.length);
};

describe("methodCodeOf", () => {
  test("gives each known method its own code", () => {
    expect(methodNames.slice(1).map(codeOf)).toEqual(methodNames.slice(1).map((_, index) => index + 1));
  });

  test("is METHOD_OTHER for everything else, lower case and near misses included", () => {
    for (const name of methodNames.slice(1)) {
      for (const other of [
        name.toLowerCase(),
        `${name}S`,
        name.slice(1),
        `${name.slice(0, -1)}_`,
        `_${name.slice(1)}`,
      ]) {
        expect(codeOf(other)).toBe(METHOD_OTHER);
      }
    }
  });
});
