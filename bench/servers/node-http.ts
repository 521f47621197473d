// `node:http` on Bun, as its documentation writes a server. Its Connection and Keep-Alive fields are turned off, which its API allows, so that its
// answers have the fields of the others.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { ADDED_FIELD, BYTES_TYPE, GREETING, millFor, pageText, READ_FIELD, STREAM_PIECES } from "./shared/answers.ts";
import { announce, serverFlags } from "./shared/flags.ts";

const TEXT = { "content-type": "text/plain; charset=utf-8" };
const JSON_AND_ADDED = { "content-type": "application/json", ...ADDED_FIELD };
const BYTES = { "content-type": BYTES_TYPE };

const server = createServer((request, response) => {
  response.removeHeader("connection");
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (request.method === "POST" && path === "/echo") void echoBody(request, response);
  else if (path === "/") respond(response, TEXT, GREETING);
  else if (path === "/json")
    respond(response, JSON_AND_ADDED, JSON.stringify(millFor(request.headers[READ_FIELD] ?? "")));
  else if (path.startsWith("/pages/"))
    respond(response, TEXT, pageText(decodeURIComponent(path.slice("/pages/".length))));
  else if (path === "/stream") {
    response.writeHead(200, BYTES);
    void pipeline(Readable.from(STREAM_PIECES), response);
  } else response.writeHead(404).end();
});

function respond(response: ServerResponse, headers: Record<string, string>, body: string): void {
  response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
}

async function echoBody(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  response.writeHead(200, { ...BYTES, "content-length": body.length }).end(body);
}

const { port, headMs } = serverFlags();
// What it waits for the next request, 5 s by itself: a bench may leave its connections alone for longer.
if (headMs !== undefined) server.keepAliveTimeout = headMs;
server.listen(port, "127.0.0.1", () => announce({ http: (server.address() as AddressInfo).port }));
