// The requests that generators send, as text of one character a byte: the least that HTTP/1.1 asks for, and what a browser sends.

/** Bytes of {@link BROWSER_REQUEST}: what a browser's head comes to once a site has set a few cookies. */
export const BROWSER_REQUEST_BYTES = 600;

/** A GET of `path`: Host, and `fields` behind it, each a whole field line without its line end. */
export function getRequest(path: string, fields: readonly string[] = []): string {
  return [`GET ${path} HTTP/1.1`, "Host: 127.0.0.1", ...fields, "", ""].join("\r\n");
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
