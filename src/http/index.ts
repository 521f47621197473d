// millrace/http: HTTP/1.1 servers.

export { type HttpOptions, serveHttp } from "./serve.ts";
export {
  type HandlerAnswer,
  type HandlerResult,
  type HttpHandler,
  mapReply,
  replyOf,
  type RouteParams,
} from "./handler.ts";
export type { AnswerRecord } from "./access-log.ts";
export type { HttpRequest } from "./request.ts";
export type { RequestHeaders } from "./request-headers.ts";
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
export { file, type FileOptions } from "./files/file.ts";
export { files, type FilesOptions } from "./files/files.ts";
export type { BodyWriter } from "./body-writer.ts";
export { redirect, type RedirectStatus } from "./redirect.ts";
export { type CookieOptions, type Cookies, deleteCookie, setCookie } from "./cookies.ts";
export type { FormLimits, FormPart, FormParts } from "./form-data.ts";
export { type EventWriter, type ServerEvent, sse, type SseInit } from "./sse.ts";
export { compressed, type CompressionOptions, type ContentCoding } from "./compression.ts";
export type { TrustProxy } from "./forwarded.ts";
export { router, type RouterOptions } from "./router.ts";
export { group, type GroupedRoute, mount, type Route, route, type RouteMethod, type RouteOptions } from "./route.ts";
export type { PathParams } from "./path-params.ts";
export { type Middleware, use } from "./middleware.ts";
export { type RequestLocal, requestLocal, UnsetLocalError } from "./request-local.ts";
export { BodyLengthError, ClientGoneError, RequestOverError } from "./errors.ts";
export type { HeaderField } from "./wire/headers.ts";
export type { HttpLimits } from "./wire/limits.ts";
export { Rejection } from "./wire/rejection.ts";
export { UnsendableError } from "./wire/unsendable.ts";
