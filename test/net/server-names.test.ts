// Which of several names answers for the one that a client asks for, held against a plain reading of the rules.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ServerNames, serverNamesFault } from "../../src/net/server-names.ts";

function found(names: readonly string[], asked: string): string | null {
  return new ServerNames(names.map((name) => [name, name])).find(asked);
}

test("ServerNames.find takes a name that is written out before one with a star, whatever its case", () => {
  const names = ["*.example.org", "Mail.example.org", "example.org"];
  for (const [asked, answer] of [
    ["mail.example.org", "Mail.example.org"],
    ["MAIL.EXAMPLE.ORG", "Mail.example.org"],
    ["www.example.org", "*.example.org"],
    ["example.org", "example.org"],
    ["a.b.example.org", null],
    [".example.org", null],
    ["example.com", null],
    ["org", null],
    ["", null],
  ] as const)
    expect([asked, found(names, asked)]).toEqual([asked, answer]);
});

const label = fc.constantFrom("a", "b", "www", "x-1");
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const pattern = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
);

test("ServerNames.find gives what a search through all names gives", () => {
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), host, (names, asked) => {
      const [, ...rest] = asked.split(".");
      const byStar = rest.length === 0 ? undefined : names.find((name) => name === `*.${rest.join(".")}`);
      expect(found(names, asked)).toBe(names.find((name) => name === asked) ?? byStar ?? null);
    }),
  );
});

test("serverNamesFault takes names and says which one is none", () => {
  expect(
    serverNamesFault(["example.org", "*.example.org", "localhost", "xn--bcher-kva.example", "_x.a-b.c1"]),
  ).toBeNull();
  const labels = "a.".repeat(127);
  for (const name of [
    "",
    "*",
    "*.",
    "*.*.org",
    "w*.example.org",
    "example.org.",
    ".example.org",
    "a..b",
    "-a.org",
    "bücher.example",
    "a b",
    "127.0.0.1",
    "::1",
    "https://example.org",
    `${"a".repeat(64)}.org`,
    labels,
  ]) {
    expect([name, serverNamesFault(["example.org", name])]).toEqual([
      name,
      `tls.serverNames has ${JSON.stringify(name)}, and a name is like example.org or *.example.org`,
    ]);
  }
  expect(serverNamesFault(["a.org", "A.org"])).toBe('tls.serverNames has "a.org" twice');
});
