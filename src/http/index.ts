// millrace/http: HTTP/1.1 servers.

export { type HttpOptions, serveHttp } from "./serve.ts";
export { type HandlerAnswer, type HandlerResult, type HttpHandler, mapReply, type RouteParams } from "./handler.ts";
export type { HttpRequest, RequestHeaders } from "./request.ts";
export {
  bytes,
  empty,
  html,
  json,
  Reply,
  type ReplyInit,
  stream,
  type StreamBody,
  type StreamInit,
  text,
  withHeaders,
} from "./reply.ts";
export { type ClientAddress, type FetchHandler, type FetchServer, fromFetch } from "./fetch/from-fetch.ts";
export type { BodyWriter } from "./body-writer.ts";
export { type Route, type RouteOptions, router } from "./router.ts";
export { BodyLengthError, ClientGoneError, RequestOverError } from "./errors.ts";
export type { HeaderField } from "./wire/headers.ts";
export type { HttpLimits } from "./wire/limits.ts";
export { Rejection } from "./wire/rejection.ts";
export { UnsendableError } from "./wire/unsendable.ts";
