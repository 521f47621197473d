import { describe, expect, test } from "bun:test";

import { hasPort, isAuthority } from "../../../src/http/wire/authority.ts";

const within = (text: string, ask: (bytes: Uint8Array, from: number, to: number) => boolean): boolean => {
  const bytes = Uint8Array.from(`a${text}0`, (char) => char.charCodeAt(0));
  return ask(bytes, 1, 1 + text.length);
};

describe("isAuthority", () => {
  test.each([
    ["a"],
    ["localhost:3000"],
    ["a:"],
    ["a:0"],
    ["a:00080"],
    ["a:65535"],
    ["127.0.0.1"],
    ["xn--bcher-kva.example"],
    ["a_b~!$&'()*+,;=c"],
    ["%41%Ff"],
    ["[::1]"],
    ["[::1]:3000"],
    ["[::ffff:127.0.0.1]:"],
    ["[v1.a:b]"],
  ])("takes %j", (text) => {
    expect(within(text, isAuthority)).toBe(true);
  });

  test.each([
    [""],
    [":80"],
    ["a b"],
    ["a/b"],
    ["u@a"],
    ["a:b"],
    ["a:65536"],
    ["a:000080"],
    ["a:80:80"],
    ["a?b"],
    ["a#b"],
    ["a\\b"],
    ["%"],
    ["%4"],
    ["%4g"],
    ["[]"],
    ["[::1"],
    ["[::1]a"],
    ["[::1%25]"],
    ["[:]"],
    ["[-]"],
    ["[:::]"],
    ["[g::1]"],
    ["[1::2::3]"],
    ["[1:2:3:4:5:6:7:8:9]"],
    ["[127.0.0.1]"],
    ["[v1]"],
    ["[v.a]"],
    ["::1"],
    ["a]"],
    ["\xe9"],
    ["a\t"],
  ])("refuses %j", (text) => {
    expect(within(text, isAuthority)).toBe(false);
  });
});

describe("hasPort", () => {
  test.each([
    ["a:80", true],
    ["[::1]:80", true],
    ["a", false],
    ["a:", false],
    ["127.0.0.1", false],
    ["[::1]", false],
    ["80", false],
  ])("of %j is %p", (text, expected) => {
    expect(within(text, hasPort)).toBe(expected);
  });
});
