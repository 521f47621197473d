import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { HeadParser } from "../../../src/http/wire/head-parser.ts";
import type { HttpLimits } from "../../../src/http/wire/limits.ts";
import { METHOD_GET, METHOD_OTHER } from "../../../src/http/wire/methods.ts";
import { COMPLETE, NEED_MORE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";

const limits: HttpLimits = {
  headBytesMax: 16_384,
  fieldsMax: 100,
  targetBytesMax: 8192,
  trailerBytesMax: 16_384,
  chunkExtensionBytesMax: 16_384,
  bodyBytesMax: 16 * 1024 * 1024,
};

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Everything that a parser knows of a complete head, or what it was refused with. */
interface Outcome {
  readonly length: number;
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly facts: readonly unknown[];
}

function describeHead(parser: HeadParser, bytes: Uint8Array, start: number): Outcome {
  const fields = Array.from({ length: parser.fields.count }, (_, index) => {
    return [parser.name(bytes, start, index), parser.value(bytes, start, index)] as const;
  });
  const { length, minor } = parser;
  const { contentLength, chunked, close, keepAlive, connectionUpgrade, hostField, upgradeField } = parser.fields;
  const facts = [contentLength, chunked, close, keepAlive, connectionUpgrade, hostField, upgradeField];
  facts.push(parser.fields.expectContinue, parser.fields.expectOther);
  return { length, method: parser.method(bytes, start), target: parser.target(bytes, start), minor, fields, facts };
}

/** Feeds `text` cut at `cuts`: each call gets a fresh array in which the head starts somewhere else. */
function feed(text: string, cuts: readonly number[], given: HttpLimits = limits): Outcome | Rejection | "more" {
  const parser = new HeadParser(given);
  for (const [turn, cut] of [...cuts, text.length].entries()) {
    const start = (turn * 7) % 5;
    const bytes = bytesOf("~".repeat(start) + text.slice(0, cut));
    try {
      if (parser.parse(bytes, start, bytes.length) === COMPLETE) return describeHead(parser, bytes, start);
    } catch (error) {
      if (error instanceof Rejection) return error;
      throw error;
    }
  }
  return "more";
}

function parsed(text: string, given: HttpLimits = limits): Outcome {
  const outcome = feed(text, [], given);
  if (outcome === "more" || outcome instanceof Rejection) throw new Error(`not parsed: ${String(outcome)}`);
  return outcome;
}

function refusal(text: string, given: HttpLimits = limits): string {
  const outcome = feed(text, [], given);
  return outcome instanceof Rejection ? `${outcome.status} ${outcome.code}` : JSON.stringify(outcome);
}

const summary = (outcome: Outcome | Rejection | "more"): unknown =>
  outcome instanceof Rejection ? [outcome.status, outcome.code, outcome.reason] : outcome;

const accepted: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.0\r\n\r\n",
  'FOOBAR /a?b=%20|^{}"<>\\` HTTP/1.9\r\nhOsT:\t[::1]:3000 \t\r\nX-Empty:\r\nX-V: \t v w \t \r\n\r\n',
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\nExpect: 100-Continue\r\nConnection: foo, ,Close\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChUnKeD \r\nConnection: keep-alive, Upgrade\r\nUpgrade: a/1\r\n\r\n",
  "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: \x80\xff\xa0v\x85\r\nExpect: 200-ok\r\n\r\n",
];

const refused: readonly (readonly [string, string])[] = [
  ["GET  / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET  HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET\t/ HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET /a b HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET /\0a HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET /\xc3\xa9 HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET /a#b HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET /\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / http/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1.32\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1.x\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1.1 \r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1.1\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/1.1\rH", "400 ERR_HTTP_REQUEST_LINE"],
  ["G(T / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  [" GET / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["\nGET / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["\r\rGET / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", "400 ERR_HTTP_REQUEST_LINE"],
  ["GET / HTTP/2.0\r\n", "505 ERR_HTTP_VERSION"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 ERR_HTTP_VERSION"],
  ["GET / HTTP/9.9\r\n", "505 ERR_HTTP_VERSION"],
  [`${"A".repeat(33)}`, "501 ERR_HTTP_METHOD"],
  ["GET / HTTP/1.1\r\n X: y\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: a\r\n b\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX : a\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nNoColon\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\n: a\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nB[d: a\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX\xeb: a\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: a\0b\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: a\x07b\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaa\x7fb\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: a\rb\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nX: a\nY: b\r\n", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nHost: a\r\n\rZ", "400 ERR_HTTP_FIELD"],
  ["GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n", "400 ERR_HTTP_HOST"],
  ["GET / HTTP/1.1\r\nHost: a b\r\n", "400 ERR_HTTP_HOST"],
  ["GET / HTTP/1.1\r\nHost: \r\n", "400 ERR_HTTP_HOST"],
  ["GET / HTTP/1.1\r\nHost: user@a\r\n", "400 ERR_HTTP_HOST"],
  ["GET / HTTP/1.1\r\nContent-Length: +5\r\n", "400 ERR_HTTP_CONTENT_LENGTH"],
  ["GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n", "400 ERR_HTTP_CONTENT_LENGTH"],
  ["GET / HTTP/1.1\r\nContent-Length:\r\n", "400 ERR_HTTP_CONTENT_LENGTH"],
  ["GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n", "400 ERR_HTTP_CONTENT_LENGTH"],
  ["GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 39\r\n", "400 ERR_HTTP_CONTENT_LENGTH"],
  ["GET / HTTP/1.1\r\nContent-Length: 9007199254740993\r\n", "413 ERR_HTTP_BODY_TOO_LARGE"],
  ["GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n", "400 ERR_HTTP_TRANSFER_ENCODING"],
  ["GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400 ERR_HTTP_TRANSFER_ENCODING"],
];

describe("HeadParser.parse", () => {
  test("reads the request line, the fields and the facts", () => {
    const head = parsed("POST /a?b HTTP/1.1\r\nHost: a:1\r\nContent-Length: 12\r\nX-Y: z \r\n\r\nrest");
    expect(head).toEqual({
      length: 62,
      method: "POST",
      target: "/a?b",
      minor: 1,
      fields: [
        ["host", "a:1"],
        ["content-length", "12"],
        ["x-y", "z"],
      ],
      facts: [12, false, false, false, false, 0, -1, false, false],
    });
  });

  test("collects the options of every Connection field, Expect and the first Upgrade", () => {
    const head = parsed(
      "GET / HTTP/1.1\r\nConnection: close, x\r\nUpgrade: a\r\nConnection: ,keep-alive ,\tUPGRADE\r\nUpgrade: b\r\nExpect: 100-continue\r\n\r\n",
    );
    expect(head.facts).toEqual([-1, false, true, true, true, -1, 1, true, false]);
  });

  test.each(accepted)("accepts %j the same, wherever it is cut", (text) => {
    const whole = parsed(text);
    expect(whole.length).toBe(text.length);
    for (let cut = 0; cut < text.length; cut++) {
      expect(feed(text, [cut])).toEqual(whole);
      expect(feed(text.slice(0, cut), [])).toBe("more");
    }
    expect(feed(text, [...text].keys().toArray())).toEqual(whole);
  });

  test.each(refused)("refuses %j with %s, wherever it is cut", (text, expected) => {
    expect(refusal(text)).toBe(expected);
    const whole = summary(feed(text, []));
    for (let cut = 0; cut < text.length; cut++) expect(summary(feed(text, [cut]))).toEqual(whole);
    expect(summary(feed(text, [...text].keys().toArray()))).toEqual(whole);
  });

  test("refuses at the first wrong byte, before anything behind it has come", () => {
    const early = [
      "GET /#",
      "GET / HTTQ",
      "GET / HTTP/1.1\r\nA:\x01",
      "GET / HTTP/1.1\r\nContent-Length: x\r\n",
      "\x80",
    ];
    for (const text of early) {
      expect(feed(text.slice(0, -1), [])).toBe("more");
      expect(feed(text, [])).toBeInstanceOf(Rejection);
    }
  });

  test("holds the head to its limits, at every cut and to the byte", () => {
    const small = { ...limits, headBytesMax: 64, targetBytesMax: 8, fieldsMax: 2 };
    const head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const fits = `${head}${"v".repeat(64 - head.length - 4)}\r\n\r\n`;
    expect(parsed(fits, small).length).toBe(64);
    const cases: readonly (readonly [string, string])[] = [
      [`${head}${"v".repeat(64 - head.length - 3)}\r\n\r\n`, "431 ERR_HTTP_HEAD_TOO_LARGE"],
      [`${"\r\n".repeat(4)}${head}${"v".repeat(60)}`, "431 ERR_HTTP_HEAD_TOO_LARGE"],
      ["GET /2345678 HTTP/1.1\r\n\r\n", "complete"],
      ["GET /23456789 HTTP/1.1\r\n\r\n", "414 ERR_HTTP_TARGET_TOO_LONG"],
      ["GET / HTTP/1.1\r\na:\r\nb:\r\n\r\n", "complete"],
      ["GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n\r\n", "431 ERR_HTTP_FIELDS_TOO_MANY"],
    ];
    for (const [text, expected] of cases) {
      for (let cut = 0; cut <= text.length; cut++) {
        const outcome = feed(text, [cut], small);
        expect(outcome instanceof Rejection ? `${outcome.status} ${outcome.code}` : "complete").toBe(expected);
      }
    }
  });

  test("makes room for as many fields as the limit allows", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `X-${index}: ${index}\r\n`);
    const head = parsed(`GET / HTTP/1.1\r\n${lines.join("")}\r\n`);
    expect(head.fields).toHaveLength(100);
    expect(head.fields[99]).toEqual(["x-99", "99"]);
    expect(refusal(`GET / HTTP/1.1\r\n${lines.join("")}X: y\r\n\r\n`)).toBe("431 ERR_HTTP_FIELDS_TOO_MANY");
  });

  test("reads a head that drips in byte by byte in linear time", () => {
    const text = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"v".repeat(15_000)}\r\n\r\n`;
    let reads = 0;
    const bytes = bytesOf(text);
    const counted = new Proxy(bytes, {
      get(target, key): unknown {
        if (typeof key === "string" && /^\d+$/.test(key)) reads++;
        return Reflect.get(target, key, target);
      },
    });
    const parser = new HeadParser(limits);
    for (let end = 1; end < text.length; end++) expect(parser.parse(counted, 0, end)).toBe(NEED_MORE);
    expect(parser.parse(counted, 0, text.length)).toBe(COMPLETE);
    expect(reads).toBeLessThan(text.length * 5);
  });

  test("gives the same as whole for any valid head at any cuts", () => {
    const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019!#$%&'*+-.^_`|~"), minLength: 1, maxLength: 20 });
    const value = fc
      .string({ unit: fc.constantFrom(...'abc XYZ\t:;,="\xe9\xff~!'), maxLength: 30 })
      .map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ""));
    const target = fc.string({ unit: fc.constantFrom(..."/abc?=&%20.-_~:@!$'()*+,;|"), minLength: 1, maxLength: 40 });
    const space = fc.constantFrom("", " ", "\t ", "  ");
    const notedNames = /^(?:host|expect|upgrade|connection|content-length|transfer-encoding)$/i;
    const field = fc.tuple(
      token.filter((name) => !notedNames.test(name)),
      space,
      value,
      space,
    );
    const head = fc.tuple(token, target, fc.nat(9), fc.array(field, { maxLength: 30 }));
    fc.assert(
      fc.property(head, fc.array(fc.nat(2000), { maxLength: 8 }), ([method, path, minor, fields], cuts) => {
        const lines = fields.map(([name, before, text, after]) => `${name}:${before}${text}${after}\r\n`);
        const text = `${method} ${path} HTTP/1.${minor}\r\n${lines.join("")}\r\n`;
        const outcome = feed(
          text,
          cuts.filter((cut) => cut < text.length).sort((a, b) => a - b),
        ) as Outcome;
        expect(outcome.method).toBe(method);
        expect(outcome.target).toBe(path);
        expect(outcome.minor).toBe(minor);
        expect(outcome.length).toBe(text.length);
        expect(outcome.fields).toEqual(fields.map(([name, , value]) => [name.toLowerCase(), value] as const));
      }),
      { numRuns: 500 },
    );
  });

  test("throws nothing but a Rejection on damaged heads, and the same one at any cuts", () => {
    const damage = fc.tuple(fc.nat(200), fc.nat(2), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...accepted, ...refused.map(([text]) => text)),
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(200), { maxLength: 6 }),
        (text, damages, cuts) => {
          let damaged = text;
          for (const [position, removed, byte] of damages) {
            const at = position % damaged.length;
            damaged = damaged.slice(0, at) + String.fromCharCode(byte) + damaged.slice(at + removed);
          }
          const sorted = cuts.filter((cut) => cut < damaged.length).sort((a, b) => a - b);
          expect(summary(feed(damaged, sorted))).toEqual(summary(feed(damaged, [])));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("HeadParser.reset", () => {
  test("forgets every fact of the head before", () => {
    const parser = new HeadParser(limits);
    const first = bytesOf(
      "POST /a HTTP/1.0\r\nHost: a\r\nConnection: close, keep-alive, upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n" +
        "Expect: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    expect(parser.parse(first, 0, first.length)).toBe(COMPLETE);
    parser.reset();
    const text = "GET /b HTTP/1.1\r\n\r\n";
    const second = bytesOf(text);
    expect(parser.parse(second, 0, second.length)).toBe(COMPLETE);
    expect(describeHead(parser, second, 0)).toEqual(parsed(text));
    expect(parser.methodCode).toBe(METHOD_GET);
  });

  test("makes a parser usable again that had refused or stopped half-way", () => {
    const parser = new HeadParser(limits);
    const good = bytesOf("QUERY / HTTP/1.1\r\n\r\n");
    for (const text of ["GET", "GET / HTTP/1.1\r\nHo", "GET / HTTP/2", "\r\n\r\n\r\n\r\n\r"]) {
      try {
        parser.parse(bytesOf(text), 0, text.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Rejection);
      }
      parser.reset();
      expect(parser.parse(good, 0, good.length)).toBe(COMPLETE);
      expect(parser.methodCode).toBe(METHOD_OTHER);
      parser.reset();
    }
  });
});

describe("HeadParser.parse on a connection", () => {
  test("passes over empty lines before each request", () => {
    const parser = new HeadParser(limits);
    const bytes = bytesOf("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n".repeat(3));
    for (let start = 0; start < bytes.length; start += parser.length) {
      parser.reset();
      expect(parser.parse(bytes, start, bytes.length)).toBe(COMPLETE);
    }
  });
});

describe("HeadParser.begun", () => {
  test("is false for empty lines and true from the first byte of the method", () => {
    const parser = new HeadParser(limits);
    const bytes = bytesOf("\r\n\r\nG");
    expect(parser.begun).toBe(false);
    expect(parser.parse(bytes, 0, 3)).toBe(NEED_MORE);
    expect(parser.begun).toBe(false);
    expect(parser.parse(bytes, 0, 5)).toBe(NEED_MORE);
    expect(parser.begun).toBe(true);
  });
});
