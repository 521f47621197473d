// The requests that generators send, as text of one character a byte: the least that HTTP/1.1 asks for, what a browser sends, what many browsers
// send, and bodies.

/** Bytes of {@link BROWSER_REQUEST}: what a browser's head comes to once a site has set a few cookies. */
export const BROWSER_REQUEST_BYTES = 600;

/** A GET of `path`: Host, and `fields` behind it, each a whole field line without its line end. */
export function getRequest(path: string, fields: readonly string[] = []): string {
  return [`GET ${path} HTTP/1.1`, "Host: 127.0.0.1", ...fields, "", ""].join("\r\n");
}

/** A POST to `path` of a body of `bodyBytes` bytes. */
export function postRequest(path: string, bodyBytes: number): string {
  const fields = ["Content-Type: application/octet-stream", `Content-Length: ${bodyBytes}`];
  return ["POST ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\n", fields.join("\r\n"), "\r\n\r\n", bodyOf(bodyBytes)].join(
    "",
  );
}

/** Printable bytes that nowhere repeat in step, so that a body with a piece lost or doubled is another body. */
function bodyOf(count: number): string {
  const lines: string[] = [];
  for (let length = 0, i = 0; length < count; i++) {
    const line = `grain ${i * 7_919} under the stone ${i}, `;
    lines.push(line);
    length += line.length;
  }
  return lines.join("").slice(0, count);
}

/** `GET /` as a desktop browser asks for a page. The last cookie fills it up to its size. */
export const BROWSER_REQUEST: string = filledUp([
  "Connection: keep-alive",
  "Cache-Control: max-age=0",
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Sec-Fetch-Site: same-origin",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Dest: document",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9",
  "Cookie: theme=dark; consent=all; session=",
]);

function filledUp(fields: readonly string[]): string {
  const missing = BROWSER_REQUEST_BYTES - getRequest("/", fields).length;
  const cookie = "4f1c9a7be2d8".repeat(20).slice(0, missing);
  return getRequest("/", [...fields.slice(0, -1), `${fields.at(-1)}${cookie}`]);
}

/** Requests of {@link ROTATING_REQUESTS}: twice what a server that is wise to repetition keeps of anything. */
const ROTATING = 1_024;
const LANGUAGES = ["en-GB,en;q=0.9", "de-DE,de;q=0.8,en;q=0.5", "fr-FR,fr;q=0.9,en-US;q=0.6", "pt-BR,pt;q=0.8"];
const SYSTEMS = ["X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh"];

/**
 * What many visitors with 16 sorts of browser ask for: no two requests have a path, a query or a cookie in common, and some send fields that
 * others do not.
 */
export const ROTATING_REQUESTS: readonly string[] = Array.from({ length: ROTATING }, (_, i) => {
  const sort = i % 16;
  const isFirefox = sort % 2 === 1;
  const product = isFirefox
    ? `Gecko/20100101 Firefox/${120 + sort}.0`
    : `AppleWebKit/537.36 Chrome/${116 + sort}.0.0.0`;
  const session = Array.from({ length: 4 }, (_, j) => ((i * 4 + j + 1) * 2_654_435_761).toString(36)).join("");
  return getRequest(
    `/pages/weir-${(i * 37 + 11).toString(36)}?season=${1_950 + i}&sort=${i % 3 === 0 ? "name" : "age"}`,
    [
      "Connection: keep-alive",
      `User-Agent: Mozilla/5.0 (${SYSTEMS[sort % 3]}) ${product}`,
      `Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.${1 + (sort % 8)}`,
      `Accept-Language: ${LANGUAGES[sort % LANGUAGES.length]}`,
      "Accept-Encoding: gzip, deflate, br",
      ...(isFirefox ? ["DNT: 1"] : ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]),
      ...(sort % 4 === 2 ? [`If-None-Match: "${session.slice(0, 12)}"`] : []),
      `Cookie: session=${session}; theme=${i % 2 === 0 ? "dark" : "light"}; visits=${i * 13 + 1}`,
    ],
  );
});
