// Jobs on HTTP: the requests and handlers of the bench over sockets.

import { bytes, router, serveHttp } from "../../../src/http/index.ts";
import { BROWSER_REQUEST, getRequest, postRequest } from "../../load/shared/request.ts";
import { GREETING, millFor } from "../../servers/shared/answers.ts";
import { GREETING_ROUTE, ROUTES } from "../../servers/shared/handlers.ts";
import type { LoneJob } from "../shared/job.ts";
import { type Dialogue, floorSide, oursSide } from "../shared/served.ts";

const BODY_BYTES = 1_024;
const AGENT = "millrace-bench/1";

const handler = router([
  GREETING_ROUTE,
  ...ROUTES,
  [
    "POST",
    "/echo",
    function* (request) {
      return bytes(yield* request.bytes());
    },
  ],
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

function job(name: string, about: string, dialogue: Dialogue): LoneJob {
  return {
    name,
    about,
    make: {
      ours: () => oursSide(dialogue, () => serveHttp({ port: 0 }, handler)),
      twin: async () => (await import("../twins.ts")).httpTwin(dialogue),
      floor: () => floorSide(dialogue),
    },
  };
}

const get = getRequest("/");
const post = postRequest("/echo", BODY_BYTES);
const getJson = getRequest("/json", ["Accept: */*", `User-Agent: ${AGENT}`]);
const JSON_TEXT = JSON.stringify(millFor(AGENT));

export const http: LoneJob = job("http", "GET / with Host only", requests(get, GREETING));
export const http16: LoneJob = job("http16", "the same, 16 requests a chunk", requests(get, GREETING, 16));
export const browser: LoneJob = job("browser", "GET / with a head of 600 bytes", requests(BROWSER_REQUEST, GREETING));
export const jsonReply: LoneJob = job("json", "JSON, a field read and one added", requests(getJson, JSON_TEXT));
export const post1k: LoneJob = job("post1k", "POST of 1 KB, which comes back", requests(post, post.slice(-BODY_BYTES)));
