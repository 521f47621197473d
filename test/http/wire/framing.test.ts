import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  checkBodyLength,
  FORM_ABSOLUTE,
  FORM_ASTERISK,
  FORM_ORIGIN,
  Framing,
} from "../../../src/http/wire/framing.ts";
import { HeadParser } from "../../../src/http/wire/head-parser.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";

const START = 2;
const framing = new Framing();
const parser = new HeadParser({
  headBytesMax: 16_384,
  fieldsMax: 100,
  targetBytesMax: 8192,
  trailerBytesMax: 1,
  chunkExtensionBytesMax: 1,
  bodyBytesMax: 1,
});

interface Decision {
  readonly body: number;
  readonly bodyLength: number;
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  readonly upgrade: boolean;
  readonly form: number;
  readonly host: string;
  readonly path: string;
}

/** What the framing of a head is. One parser and one Framing serve all tests, so that nothing may stay behind in them. */
function decide(text: string): Decision {
  const bytes = Uint8Array.from(`..${text}`, (char) => char.charCodeAt(0));
  parser.reset();
  expect(parser.parse(bytes, START, bytes.length)).toBe(COMPLETE);
  framing.decide(parser, bytes, START);
  const { body, bodyLength, keepAlive, expectContinue, upgrade, form } = framing;
  const host = text.slice(framing.hostStart, framing.hostEnd);
  const path = text.slice(framing.pathStart, framing.pathEnd);
  return { body, bodyLength, keepAlive, expectContinue, upgrade, form, host, path };
}

function refusal(text: string): string {
  try {
    return JSON.stringify(decide(text));
  } catch (error) {
    if (error instanceof Rejection) return `${error.status} ${error.code}`;
    throw error;
  }
}

const get = (fields: string, version = "1.1"): Decision => decide(`GET / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`);

describe("Framing.decide on the body", () => {
  test("finds none without Content-Length and Transfer-Encoding, or with a length of 0", () => {
    expect(get("")).toMatchObject({ body: BODY_NONE, bodyLength: 0 });
    expect(get("Content-Length: 0\r\n")).toMatchObject({ body: BODY_NONE, bodyLength: 0 });
  });

  test("takes the length as a decimal number, leading zeros included", () => {
    expect(get("Content-Length: 010\r\n")).toMatchObject({ body: BODY_LENGTH, bodyLength: 10 });
    expect(get("Content-Length: 9007199254740991\r\n").bodyLength).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("finds a chunked one", () => {
    expect(get("Transfer-Encoding: chunked\r\n")).toMatchObject({ body: BODY_CHUNKED, bodyLength: 0 });
  });

  test.each([
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n", "400 ERR_HTTP_FRAMING"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "400 ERR_HTTP_FRAMING"],
    ["POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "400 ERR_HTTP_FRAMING"],
  ])("refuses %j with %s", (text, expected) => {
    expect(refusal(text)).toBe(expected);
  });
});

describe("Framing.decide on the connection", () => {
  test.each([
    ["1.1", "", true],
    ["1.9", "", true],
    ["1.1", "Connection: close\r\n", false],
    ["1.1", "Connection: keep-alive, close\r\n", false],
    ["1.0", "", false],
    ["1.0", "Connection: Keep-Alive\r\n", true],
    ["1.0", "Connection: keep-alive\r\nConnection: close\r\n", false],
  ])("HTTP/%s with %j goes on: %p", (version, fields, expected) => {
    expect(get(fields, version).keepAlive).toBe(expected);
  });

  test("takes an Upgrade only when Connection names it and the version has it", () => {
    expect(get("Connection: Upgrade\r\nUpgrade: websocket\r\n").upgrade).toBe(true);
    expect(get("Upgrade: websocket\r\n").upgrade).toBe(false);
    expect(get("Connection: Upgrade\r\n").upgrade).toBe(false);
    expect(get("Connection: Upgrade\r\nUpgrade: websocket\r\n", "1.0").upgrade).toBe(false);
  });
});

describe("Framing.decide on Expect", () => {
  test("wants a 100 only in HTTP/1.1 and only when a body follows", () => {
    const expecting = "Expect: 100-continue\r\n";
    expect(get(`${expecting}Content-Length: 5\r\n`).expectContinue).toBe(true);
    expect(get(`${expecting}Transfer-Encoding: chunked\r\n`).expectContinue).toBe(true);
    expect(get(`${expecting}Content-Length: 0\r\n`).expectContinue).toBe(false);
    expect(get(expecting).expectContinue).toBe(false);
    expect(get(`${expecting}Content-Length: 5\r\n`, "1.0").expectContinue).toBe(false);
  });

  test("refuses another expectation with 417, and passes over it in HTTP/1.0", () => {
    expect(refusal("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n")).toBe("417 ERR_HTTP_EXPECTATION");
    expect(get("Expect: 200-ok\r\n", "1.0").expectContinue).toBe(false);
  });
});

describe("Framing.decide on target and host", () => {
  test.each([
    ["GET /a?b HTTP/1.1\r\nHost: h:1\r\n\r\n", FORM_ORIGIN, "h:1", "/a?b"],
    ["GET //evil.example/x HTTP/1.1\r\nHost: h\r\n\r\n", FORM_ORIGIN, "h", "//evil.example/x"],
    ["GET / HTTP/1.0\r\n\r\n", FORM_ORIGIN, "", "/"],
    ["OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", FORM_ASTERISK, "h", "*"],
    ["GET http://other.example/abs?q HTTP/1.1\r\nHost: h\r\n\r\n", FORM_ABSOLUTE, "other.example", "/abs?q"],
    ["GET HTTPS://[::1]:8443?q HTTP/1.1\r\nHost: h\r\n\r\n", FORM_ABSOLUTE, "[::1]:8443", "?q"],
    ["GET http://o HTTP/1.0\r\n\r\n", FORM_ABSOLUTE, "o", ""],
    ["\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", FORM_ORIGIN, "h", "/a"],
  ])("takes %j apart", (text, form, host, path) => {
    expect(decide(text)).toMatchObject({ form, host, path });
  });

  test.each([
    ["GET / HTTP/1.1\r\n\r\n", "400 ERR_HTTP_HOST"],
    ["GET http://h/ HTTP/1.1\r\n\r\n", "400 ERR_HTTP_HOST"],
    ["GET * HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["OPTIONS *a HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET foo/bar HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET ?q HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["GET http:/h HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "501 ERR_HTTP_METHOD"],
    ["CONNECT [::1]:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "501 ERR_HTTP_METHOD"],
    ["CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", "400 ERR_HTTP_TARGET"],
    ["TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "501 ERR_HTTP_METHOD"],
  ])("refuses %j with %s", (text, expected) => {
    expect(refusal(text)).toBe(expected);
  });

  test("throws nothing but a Rejection for any target, host and method that the parser lets through", () => {
    const piece = fc.constantFrom("/", "*", "http://", "https://", "HTTP:", "[::1]", ":80", "a", "?", "@", "%41", "%4");
    const text = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(""));
    const method = fc.constantFrom("GET", "OPTIONS", "CONNECT", "TRACE", "X");
    fc.assert(
      fc.property(method, text, text, fc.constantFrom("1.0", "1.1"), (name, target, host, version) => {
        const outcome = refusal(`${name} ${target} HTTP/${version}\r\nHost: ${host}\r\n\r\n`);
        expect(outcome).toMatch(/^(?:\{|400 |501 )/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("checkBodyLength", () => {
  test("refuses with 413 from one byte above the limit on", () => {
    checkBodyLength(10, 10);
    expect(() => checkBodyLength(11, 10)).toThrow(Rejection);
  });
});
