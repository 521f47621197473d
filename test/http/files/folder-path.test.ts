// Paths as clients send them, by text alone: nothing is opened here.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { folderPath } from "../../../src/http/files/folder-path.ts";
import { NASTY_PATHS } from "./nasty-paths.ts";

describe("folderPath", () => {
  test.each([
    ["/", "", { path: "", isFolder: true }],
    ["/a.txt", "", { path: "a.txt", isFolder: false }],
    ["/a/b/c.txt", "", { path: "a/b/c.txt", isFolder: false }],
    ["/a/", "", { path: "a", isFolder: true }],
    ["/a%20b.txt", "", { path: "a b.txt", isFolder: false }],
    ["/%61", "", { path: "a", isFolder: false }],
    ["/n%C3%A9", "", { path: "né", isFolder: false }],
    // Decoded once.
    ["/100%2525", "", { path: "100%25", isFolder: false }],
    ["/%252e%252e/a", "", { path: "%2e%2e/a", isFolder: false }],
    ["/a..b/c..d", "", { path: "a..b/c..d", isFolder: false }],
    ["/a~", "", { path: "a~", isFolder: false }],
    ["/static", "/static", { path: "", isFolder: false }],
    ["/static/", "/static", { path: "", isFolder: true }],
    ["/static/a.txt", "/static", { path: "a.txt", isFolder: false }],
  ])("places %s below %j", (path, prefix, expected) => {
    expect(folderPath(path, prefix, false)).toEqual(expected);
  });

  test.each(["/", "/stat", "/statics", "/static-a/b", "/a/static/b", "*", ""])(
    "finds %j outside of its prefix",
    (path) => expect(folderPath(path, "/static", false)).toBe(null),
  );

  test.each([...NASTY_PATHS])("refuses %j", (path) => {
    expect(folderPath(path, "", true)).toBe(null);
    expect(folderPath(`/static${path}`, "/static", true)).toBe(null);
  });

  test.each(["/.env", "/.git/config", "/a/.b", "/%2eenv", "/.well-known/x", "/a/.b/"])(
    "refuses %s without dotfiles",
    (path) => {
      expect(folderPath(path, "", false)).toBe(null);
      expect(folderPath(path, "", true)).not.toBe(null);
    },
  );

  test("gives names that stay below, whatever is sent", () => {
    const bit = fc.constantFrom(
      "..",
      ".",
      "/",
      "%2e",
      "%2F",
      "%5c",
      "\\",
      "%00",
      "a",
      "b.txt",
      "%25",
      "%",
      ":",
      " ",
      "%20",
      "~1",
    );
    const path = fc.array(bit, { maxLength: 12 }).map((bits) => `/${bits.join("")}`);
    fc.assert(
      fc.property(
        fc.oneof(
          path,
          fc.string({ unit: "binary-ascii" }).map((text) => `/${text}`),
        ),
        fc.boolean(),
        (path, dotfiles) => {
          const place = folderPath(path, "", dotfiles);
          if (place === null) return;
          if (place.path === "") return;
          for (const name of place.path.split("/")) {
            expect(name).not.toBe("");
            expect(name).not.toMatch(/^\.{1,2}$|[\\:\x00-\x1f]|[. ]$/);
            if (!dotfiles) expect(name).not.toStartWith(".");
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
