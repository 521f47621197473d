import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { redirect, type RedirectStatus } from "../../src/http/index.ts";
import { request, responsesOf, withServer } from "./support.ts";

/** The location that goes out. */
function locationOf(location: string): string | undefined {
  return redirect(location).headers.find(([name]) => name === "location")?.[1];
}

describe("redirect", () => {
  test("redirect sends its location and no body, and the connection goes on", () =>
    withServer(
      ({ target }) => redirect(`${target}/there`, 303, { headers: { "x-a": "b" } }),
      function* (world) {
        const peer = yield* world.ask(request("GET /here").repeat(2));
        const { final, rest } = responsesOf(peer);
        expect([final.length, rest]).toEqual([2, ""]);
        expect(final[0]?.status).toBe(303);
        expect(Object.fromEntries(final[0]?.headers ?? [])).toMatchObject({
          location: "/here/there",
          "content-length": "0",
          "x-a": "b",
        });
        expect(final[0]?.headers.has("content-type")).toBe(false);
      },
    ));

  test("redirect uses 302, and takes the five statuses that redirect and no other", () => {
    expect(redirect("/").status).toBe(302);
    for (const status of [301, 302, 303, 307, 308] as const) expect(redirect("/", status).status).toBe(status);
    for (const status of [200, 300, 304, 305, 306, 309, Number.NaN, "302"])
      expect(() => redirect("/", status as RedirectStatus)).toThrow(RangeError);
    expect(() => redirect("/", 304 as RedirectStatus)).toThrow(
      "Cannot redirect: expected one of the statuses 301, 302, 303, 307, 308 and found 304",
    );
  });

  test("redirect takes a URL", () => {
    expect(redirect(new URL("https://exämple.org/a b")).headers).toEqual([
      ["location", "https://xn--exmple-cua.org/a%20b"],
    ]);
  });

  test.each([
    ["/a/b?c=d&e#f", "/a/b?c=d&e#f"],
    ["/grüße/日本?q=ü", "/gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC?q=%C3%BC"],
    ["/%C3%BC/%zz/100%", "/%C3%BC/%zz/100%"],
    ['/a b\t"<c>"', "/a%20b%09%22%3Cc%3E%22"],
    ["/\t/elsewhere.example", "/%09/elsewhere.example"],
    ["/\\elsewhere.example", "/%5Celsewhere.example"],
    ["/{a|b}^`", "/%7Ba%7Cb%7D%5E%60"],
    ["/\u{1f600}\ud800", "/%F0%9F%98%80%EF%BF%BD"],
    ["\x7f\x01", "%7F%01"],
  ])("redirect encodes %j as %j", (given, sent) => {
    expect(locationOf(given)).toBe(sent);
  });

  test.each(["/a\r\nSet-Cookie: b=c", "/a\nb", "/a\rb", "/a\0b", ""])(
    "redirect refuses the location %j",
    (location) => {
      expect(() => redirect(location)).toThrow(RangeError);
    },
  );

  test("redirect sends every other location as printable ASCII that decodes to what was given", () => {
    const texts = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !/[\r\n\0%]/.test(text));
    fc.assert(
      fc.property(texts, (text) => {
        const sent = locationOf(text) ?? "";
        expect(sent).toMatch(/^[\x21-\x7e]+$/);
        expect(decodeURIComponent(sent)).toBe(text.toWellFormed());
      }),
    );
  });
});
