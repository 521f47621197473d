import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CookieOptions, type Cookies, deleteCookie, type Reply, setCookie, text } from "../../src/http/index.ts";
import { request, responsesOf, withServer } from "./support.ts";

/** The Set-Cookie fields of a reply. */
function setBy(reply: Reply): string[] {
  return reply.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value);
}

function setWith(options: CookieOptions): string | undefined {
  return setBy(setCookie(text(""), "a", "b", options))[0];
}

/** The cookies that a handler sees of a request with these fields. */
async function cookiesIn(...fields: string[]): Promise<Cookies> {
  let cookies: Cookies = {};
  await withServer(
    (incoming) => {
      ({ cookies } = incoming);
      expect(incoming.cookies).toBe(cookies);
      return text("");
    },
    function* (world) {
      yield* world.ask(request("GET /", fields));
    },
  );
  return cookies;
}

describe("request.cookies", () => {
  test("request.cookies holds each cookie by name, decoded where that is possible", async () => {
    expect({ ...(await cookiesIn('Cookie: a=1; b=x%20y; c=%zz;d="q"; e=;f=g=h')) }).toEqual({
      a: "1",
      b: "x y",
      c: "%zz",
      d: '"q"',
      e: "",
      f: "g=h",
    });
  });

  test("request.cookies takes the first of two with one name, also over several fields", async () => {
    expect({ ...(await cookiesIn("Cookie: a=1; a=2", "Cookie: a=3; b=4", "Cookie: c=5")) }).toEqual({
      a: "1",
      b: "4",
      c: "5",
    });
  });

  test("request.cookies is empty without the field, and for what are no cookies", async () => {
    for (const fields of [[], ["Cookie:"], ["Cookie: abc"], ["Cookie: ;;"]])
      expect(Object.keys(await cookiesIn(...fields))).toEqual([]);
  });

  test("request.cookies has no prototype, so no name is special", async () => {
    const cookies = await cookiesIn("Cookie: __proto__=x; constructor=y");
    expect([Object.getPrototypeOf(cookies), cookies["__proto__"], cookies["constructor"]]).toEqual([null, "x", "y"]);
    expect([cookies["toString"], Object.isFrozen(cookies), "x" in {}]).toEqual([undefined, true, false]);
  });
});

describe("setCookie", () => {
  test("setCookie sends one field for each cookie, and leaves the reply that it was given alone", () =>
    withServer(
      () => {
        const plain = text("hello");
        const both = setCookie(setCookie(plain, "a", "1"), "b", "ü;,", { httpOnly: true });
        expect(setBy(plain)).toEqual([]);
        return both;
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect(peer.text).toContain("\r\nset-cookie: a=1; Path=/\r\nset-cookie: b=%C3%BC%3B%2C; Path=/; HttpOnly\r\n");
        expect(responsesOf(peer).final[0]?.body).toBe("hello");
      },
    ));

  test("setCookie writes every attribute", () => {
    expect(
      setWith({
        domain: "example.org",
        path: "/x",
        maxAge: 60,
        expires: new Date(0),
        httpOnly: true,
        secure: true,
        partitioned: true,
        priority: "high",
        sameSite: "none",
      }),
    ).toBe(
      "a=b; Max-Age=60; Domain=example.org; Path=/x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; Priority=High; SameSite=None",
    );
    expect(setWith({ path: "", sameSite: true })).toBe("a=b; SameSite=Strict");
    expect(setWith({ secure: false, sameSite: "lax" })).toBe("a=b; Path=/; SameSite=Lax");
  });

  test("setCookie writes values that request.cookies reads back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (value) => {
        fc.pre(value.isWellFormed());
        const [field = ""] = setBy(setCookie(text(""), "a", value, { path: "" }));
        expect(field).toMatch(/^a=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/);
        expect(decodeURIComponent(field.slice(2))).toBe(value);
      }),
    );
  });

  test.each([
    ["", "x", {}, "cookie name is invalid"],
    ["a b", "x", {}, 'Cannot set the cookie "a b": cookie name is invalid'],
    ["a=b", "x", {}, "cookie name is invalid"],
    ["a\r\nb", "x", {}, "cookie name is invalid"],
    ["a;b", "x", {}, "cookie name is invalid"],
    ["a", "\ud800", {}, 'Cannot set the cookie "a": '],
    ["a", 1, {}, "its value is no text, but number 1"],
    ["a", "x", { path: "/;b" }, "cookie path is invalid"],
    ["a", "x", { domain: "a b" }, "cookie domain is invalid"],
    ["a", "x", { maxAge: 1.5 }, "cookie maxAge is invalid"],
    ["a", "x", { expires: new Date(Number.NaN) }, "cookie expires is invalid"],
    ["a", "x", { sameSite: "Loose" }, "cookie sameSite is invalid"],
    ["a", "x", { sameSite: "none" }, 'with sameSite "none" it must be secure'],
    ["a", "x", { partitioned: true }, "a partitioned cookie must be secure"],
    ["__Secure-a", "x", {}, "a cookie with this prefix must be secure"],
    ["__Host-a", "x", {}, "a cookie with this prefix must be secure"],
    ["__Host-a", "x", { secure: true, path: "/b" }, 'must have the path "/" and no domain'],
    ["__Host-a", "x", { secure: true, domain: "b.org" }, 'must have the path "/" and no domain'],
  ])("setCookie refuses %j=%j with %j", (name, value, options, message) => {
    const set = (): Reply => setCookie(text(""), name, value as string, options as CookieOptions);
    expect(set).toThrow(TypeError);
    expect(set).toThrow(message);
  });

  test("setCookie refuses a cookie above 4096 bytes, counted as it is sent", () => {
    const message = "name and value are 4097 bytes long, and browsers take 4096 at most";
    expect(() => setCookie(text(""), "a", "x".repeat(4_096))).toThrow(message);
    expect(() => setCookie(text(""), "a", `${"%20".repeat(1_365)}x`.replaceAll("%20", " "), { path: "" })).toThrow(
      message,
    );
  });

  test("setCookie takes a cookie of 4096 bytes, and prefixes that keep their promise", () => {
    expect(setBy(setCookie(text(""), "a", "x".repeat(4_095)))[0]).toHaveLength(4_097 + "; Path=/".length);
    expect(setBy(setCookie(text(""), "__Host-a", "x", { secure: true }))).toEqual(["__Host-a=x; Path=/; Secure"]);
  });
});

describe("deleteCookie", () => {
  test("deleteCookie sets a cookie that is over", () => {
    expect(setBy(deleteCookie(text(""), "a"))).toEqual(["a=; Max-Age=0; Path=/"]);
    expect(setBy(deleteCookie(text(""), "a", { domain: "example.org", path: "/x", secure: true }))).toEqual([
      "a=; Max-Age=0; Domain=example.org; Path=/x; Secure",
    ]);
    expect(() => deleteCookie(text(""), "a b")).toThrow(TypeError);
  });
});
