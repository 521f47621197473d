// Jobs on HTTP: the requests of the bench over sockets, and the handlers as a user writes them.

import { bytes, type HttpRequest, json, type Reply, router, serveHttp, text } from "../../../src/http/index.ts";
import type { Steps } from "../../../src/core/operation.ts";
import { BROWSER_REQUEST, getRequest } from "../../load/shared/request.ts";
import { GREETING, LISTING } from "../../servers/shared/answers.ts";
import { AsyncHttpConnection } from "../../servers/shared/async-http.ts";
import { CoarseClock } from "../../servers/shared/coarse-clock.ts";
import type { LoneJob } from "../shared/job.ts";
import { type Dialogue, floorSide, oursSide, twinSide } from "../shared/served.ts";

const BODY = "flour and water ".repeat(64);

function* echoBody(request: HttpRequest): Steps<Reply> {
  return bytes(yield* request.bytes());
}

const handler = router([
  ["GET", "/", () => text(GREETING)],
  ["GET", "/json", () => json(LISTING)],
  ["POST", "/echo", echoBody],
]);

/** `count` times `request`, each answered with 200 and `body`. */
function requests(request: string, body: string, count = 1): Dialogue {
  const isAnswer = (answer: string): boolean => {
    const one = answer.slice(0, answer.length / count);
    const [head = "", content] = one.split("\r\n\r\n");
    const whole = head.startsWith("HTTP/1.1 200 OK\r\n") && head.includes(`Content-Length: ${body.length}`);
    return whole && content === body && answer === one.repeat(count);
  };
  return { chunk: request.repeat(count), operations: count, isAnswer };
}

function job(name: string, about: string, dialogue: Dialogue, hasTwin: boolean): LoneJob {
  const twin = (): ReturnType<typeof twinSide> => {
    const clock = new CoarseClock();
    return twinSide(dialogue, (conn) => new AsyncHttpConnection(conn, handler, clock).run());
  };
  return {
    name,
    about,
    make: {
      ours: () => oursSide(dialogue, () => serveHttp({ port: 0 }, handler)),
      twin: hasTwin ? twin : null,
      floor: () => floorSide(dialogue),
    },
  };
}

const get = getRequest("/");
const post = getRequest("/echo", [`Content-Length: ${BODY.length}`]).replace("GET", "POST") + BODY;

export const http: LoneJob = job("http", "GET / with Host only", requests(get, GREETING), true);
export const http16: LoneJob = job("http16", "the same, 16 requests a chunk", requests(get, GREETING, 16), true);
export const browser: LoneJob = job(
  "browser",
  "GET / with a head of 600 bytes",
  requests(BROWSER_REQUEST, GREETING),
  true,
);
export const jsonReply: LoneJob = job(
  "json",
  "a value of 1,024 bytes made into JSON",
  requests(getRequest("/json"), JSON.stringify(LISTING)),
  true,
);
export const post1k: LoneJob = job("post1k", "POST of 1,024 bytes, which come back", requests(post, BODY), false);
