// What the fuzzer starts from: whole requests that are right, right but rare, or wrong in a way that once fooled a server, and the fragments
// that it strews over them. No case here says what the answer is: parser.test.ts holds what is true of every input, and
// node-http.test.ts compares. A request that a run found goes in here once it is understood. Each class of differences.ts has
// at least one here, so that it has a member under every seed.

const join = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;

const browser = join(
  "GET /search?q=mill+race&lang=en HTTP/1.1",
  "Host: www.example.org",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
  "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
  "Accept-Language: en-GB,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br",
  'Cookie: session="a=b"; theme=dark',
  "Connection: keep-alive",
  "Upgrade-Insecure-Requests: 1",
);

const manyFields = join(
  "GET /many HTTP/1.1",
  "Host: a",
  ...Array.from({ length: 22 }, (_, index) => `F${index}: ${index}`),
);

/** Whole requests, some of them pipelined. */
export const seedRequests: readonly string[] = [
  join("GET / HTTP/1.1", "Host: a"),
  join("HEAD /head HTTP/1.1", "Host: localhost:8080"),
  join("DELETE /a%20b/../c;d=e HTTP/1.1", "hOsT: [::1]:80", "X-Empty:", "X-Wide: \t v \x80\xff w \t "),
  join("OPTIONS * HTTP/1.1", "Host: a"),
  join("GET http://example.org:81/a?b HTTP/1.1", "Host: other"),
  join("GET HTTPS://example.org?b HTTP/1.1", "Host: example.org"),
  join("OPTIONS http://example.org HTTP/1.1", "Host: example.org"),
  join("GET /old HTTP/1.0"),
  join("GET /old HTTP/1.0", "Connection: keep-alive", "Host: a"),
  join("PURGE /cache HTTP/1.1", "Host: a", "X-!#$%&'*+-.^_`|~: 1"),
  `\r\n\r\n${join("GET /behind-empty-lines HTTP/1.1", "Host: a")}`,
  join("CONNECT a:443 HTTP/1.1", "Host: a:443"),
  join("TRACE / HTTP/1.1", "Host: a", "Max-Forwards: 0"),
  join(
    "GET /ws HTTP/1.1",
    "Host: a",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  ),
  browser,
  manyFields,
  `${join("POST /form HTTP/1.1", "Host: a", "Content-Type: text/plain", "Content-Length: 11")}hello world`,
  `${join("PUT /zeros HTTP/1.1", "Host: a", "Content-Length: 0005")}12345`,
  join("PATCH /none HTTP/1.1", "Host: a", "Content-Length: 0"),
  `${join("POST /last HTTP/1.1", "Host: a", "Connection: close", "Content-Length: 3")}end`,
  `${join("POST /wait HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 4")}then`,
  join("GET /odd HTTP/1.1", "Host: a", "Expect: a-miracle"),
  `${join("POST /chunks HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`,
  `${join("POST /case HTTP/1.1", "Host: a", "tRANSFER-eNCODING: \tChUnKeD ")}00A\r\n0123456789\r\n000\r\n\r\n`,
  `${join("POST /ext HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")}3;a;b=c;d="e\\"f" ; g = h\r\nabc\r\n0;last\r\n\r\n`,
  `${join("POST /trailers HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "TE: trailers")}1\r\nx\r\n0\r\nA: b\r\nC: \r\n\r\n`,
  `${join("POST /binary HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")}8\r\n\r\n\0\xff0\r\n\r\r\n0\r\n\r\n`,
  `${join("POST /one HTTP/1.1", "Host: a", "Content-Length: 2")}ok${join("GET /two HTTP/1.1", "Host: a")}`,
  `${join("POST /one HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")}2\r\nok\r\n0\r\n\r\n${join("GET /two HTTP/1.1", "Host: b")}`,
  `${join("GET /one HTTP/1.1", "Host: a")}${join("GET /two HTTP/1.1", "Host: a")}${join("GET /three HTTP/1.0", "Host: a")}`,
  `${join("POST /one HTTP/1.1", "Host: a", "Content-Length: 1")}x\r\n${join("GET /two HTTP/1.1", "Host: a")}`,
  // Bodies that two servers could see differently.
  `${join("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
  `${join("POST / HTTP/1.1", "Host: a", "Content-Length: 3", "Content-Length: 4")}abcd`,
  `${join("POST / HTTP/1.1", "Host: a", "Content-Length: 3, 3")}abc`,
  `${join("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked")}0\r\n\r\n`,
  `${join("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked, identity")}0\r\n\r\n`,
  `${join("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  `${join("GET / HTTP/1.1", "Host: a", "Content-Length: 28")}GET /inner HTTP/1.1\r\nHost: b`,
  // Lines and white space that a lenient reader lets through.
  "GET / HTTP/1.1\nHost: a\n\n",
  join("GET / HTTP/1.1", "Host: a", "X-Folded: one", " two"),
  join("GET / HTTP/1.1", "Host : a"),
  join("GET  /  HTTP/1.1", "Host: a"),
  join("GET / HTTP/1.1", "Host: a", "Host: b"),
  join("GET / HTTP/2.0", "Host: a"),
  join("GET / HTTP/1.7", "Host: a"),
  `\n${join("GET /behind-a-lone-lf HTTP/1.1", "Host: a")}`,
  join("GET / HTTP/1.1", "Host: a", "Expect: 100-continue, more"),
  `${join("PUT /digits HTTP/1.1", "Host: a", "Content-Length: 000000000000000000003")}abc`,
  `${join("GET /old HTTP/1.0", "Connection: keep-alive")}${join("GET /next HTTP/1.0")}`,
  join("GET / HTTP/1.1"),
];

/** What a fuzzer of HTTP puts where it does not belong. */
export const fragments: readonly string[] = [
  ...split('\r|\n|\0|\t| |:|;|,|=|"|\\|/|?|#|%|@|[|]|{|}|+|-|_|.|*|^|~|\x7f|\x80|\xff|\x0b|\x0c|\x1b'),
  ...split("\r\n|\n\r|\r\n\r\n|\n\n|\r\r\n|\r\n |\r\n\t| \r\n|\t\r\n|\r\n\r\n\r\n|\0\r\n"),
  ...split("GET |HEAD |POST |OPTIONS |CONNECT |TRACE |get |PRI |QUERY |M-SEARCH |G\0ET "),
  ...split("//|/../|/%00|/%zz|/#a|http://|https://a|http://a:99999/|http://u@h/|ws://a/|a:80"),
  ...split(" HTTP/1.1| HTTP/1.0| HTTP/1.9| HTTP/0.9| HTTP/2.0| HTTP/1.10| HTTP/1.| http/1.1| HTTPS/1.1| ICE/1.0"),
  ...lines("Host: a|Host:|Host: a b|Host: a,b|Host: u@h|Host: a:70000|Host: [::|host: %41"),
  ...lines(
    "Content-Length: 5|Content-Length: +5|Content-Length: 5, 5|content-length:0|Content-Length : 5|Content-Length:",
  ),
  ...lines("Content-Length: 0x5|Content-Length: 99999999999999999999|Content_Length: 5|Content-Length: 1e1"),
  ...lines("Transfer-Encoding: chunked|Transfer-Encoding: identity|Transfer-Encoding: gzip|Transfer-Encoding:"),
  ...lines("Transfer-Encoding: chunked, chunked|Transfer-Encoding: ,chunked|Transfer-Encoding: xchunked"),
  ...lines("Transfer-Encoding : chunked|Transfer-Encoding: chunked;q=1|Transfer-Encoding: \x0bchunked"),
  ...lines("Transfer-Encoding:\r\n chunked|Transfer-Encoding: gzip, chunked"),
  ...lines("Connection: close|Connection: keep-alive|Connection: upgrade|Connection: close, Host|Connection: ,,"),
  ...lines("Expect: 100-continue|Expect: 200-ok|Upgrade: h2c|Trailer: Host|Keep-Alive: 5|: a|a|a b: c"),
  ...lines("X-Bell: \x07|X-Del: \x7f|X-Nul: a\0b|X-High: \xff|X-\xff: a|X-Cr: a\rb| X-Fold: a|(): a"),
  ...lines("0|0\r\n|1\r\na|2\r\nab|-1|+1|0x1|1 | 1|1;|1;a|1;=|ffffffffffffffff|10000000000000001|1_0|g"),
  ...lines('1;a="b\\|1;a="\n"|0\r\nHost: b\r\n|0\r\nContent-Length: 5\r\n|0\r\n a: b\r\n|0\r\na : b\r\n|0\r\n:\r\n'),
  ...lines('00000000000000000\r\n|0;a=b;c="d" ; e\r\n|\r\n0\r\n'),
];

/** What stands in for a number. */
export const numbers: readonly string[] = [
  ...split("0|00|1|2|3|5|10|11|16|a|A|ff|+1|-1|1.|1.0|1e1|0x5|1_0|1 1| 1|1\t||1, 1|\xb2"),
  ...split("255|256|4294967295|4294967296|9007199254740991|9007199254740992|18446744073709551615|18446744073709551616"),
  ...split("ffffffff|100000000|7fffffffffffffff|8000000000000000|fffffffffffffffff|0000000000000001|00000000000000001"),
  "000000000000000000007",
];

/** Parts that the generator puts requests together from. */
export const parts = {
  methods: ["GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"],
  targets: [
    "/",
    "/a",
    "/a?b=c",
    "/%41/.././x",
    "//a",
    '/{}|^"<>`\\',
    "http://a/",
    "http://a:1/b?c",
    "HTTP://A",
    "https://a/b",
  ],
  versions: ["1.1", "1.1", "1.1", "1.1", "1.1", "1.1", "1.0", "1.2"],
  names: [
    "Accept",
    "Cookie",
    "X-A",
    "x-b",
    "Referer",
    "Origin",
    "Range",
    "If-None-Match",
    "Upgrade",
    "Connection",
    "Hos",
    "Hostt",
  ],
  values: [
    "",
    "a",
    "a, b",
    '"q"',
    "upgrade, keep-alive",
    "keep-alive",
    "100-continue",
    "\x80",
    "a \t b",
    "x".repeat(40),
    ":",
    "=;,",
  ],
  hosts: ["a", "a:80", "A.example.org", "127.0.0.1:3000", "[::1]", "[::1]:80", "a_b", "%41", "a:", "xn--a.b."],
  extensions: ["", "", "", ";a", ";a=b", ' ; a = "b\\"c"', ';a="b;c"\t;d'],
} as const;

/** What stands in the place of such a part now and then. */
export const oddParts = {
  methods: ["TRACE", "CONNECT", "get", "X".repeat(32), "X".repeat(33), "BREW", ""],
  targets: ["*", "a", "a:1", "?", "", "http://", "https:/a", "/a#b", "/a b", "ftp://a/"],
  versions: ["2.0", "0.9", "1.1 ", "1,1", "1.10", "1.", ""],
  names: ["Expect", "Content-Length", "Transfer-Encoding", "Host", "Trailer", "a b", "", "a ", "\x80"],
  values: ["close", "a\rb", "\0", "\x7f", "chunked", "0", "7"],
  hosts: ["", "a b", "a,b", "u@a", "a:b", "a:65536", "[", "[]", "%4", "a/b", "\x80"],
  extensions: [";", ";=a", ";a=", " ", ' ;a="', ";a=b c", ";a;", "a"],
} as const;

function split(text: string): string[] {
  return text.split("|");
}

function lines(text: string): string[] {
  return split(text).map((line) => `${line}\r\n`);
}
