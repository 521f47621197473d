// `file`: one file as a reply, at a path that the program chose. For paths that a client chooses there is `files` (files.ts).

import type { Wait } from "../../core/task.ts";
import { type Reply, type ReplyInit, text } from "../reply.ts";
import type { HttpRequest } from "../request.ts";
import type { HeaderField } from "../wire/headers.ts";
import { contentTypeOf } from "./content-type.ts";
import { attachment } from "./disposition.ts";
import { openFile } from "./opening.ts";
import { sendFile } from "./sending.ts";

/** Options of {@link file}. */
export interface FileOptions {
  /** Content-Type; empty for none. Default: by the ending of the path. */
  readonly type?: string;
  /** Cache-Control. Default: none, and caches guess. */
  readonly cacheControl?: string;
  /** Asks the client to save the file: `true` under the name it has, or under another. */
  readonly download?: boolean | string;
  /** Whether to send an entity tag. Default true. */
  readonly etag?: boolean;
  /** Fields to add to the answer; one of ours with the same name is left out, but for Vary. Conditions are judged by our own validators. */
  readonly headers?: ReplyInit["headers"];
}

/**
 * The file at `path` (absolute, or relative to the working folder) as the answer to `request`: 304, 412, 206 and 416 where the client's conditions
 * and ranges ask for them, 404 when there is no such file. Parks while it is opened and, when it is one block at
 * most (256 KiB), read. A longer one is held open until it has been sent.
 *
 * Never let a client choose the path: it may name any file of the machine. {@link files} is for that.
 *
 * Replace files that are being served by renaming new ones over them. What is written into a file while it is sent reaches the client in part,
 * and a file that shrinks meanwhile cuts the connection.
 * @throws FileError when the file is there and cannot be opened or read; BodyLengthError when it shrinks
 *
 * @example
 * ```ts
 * import { connect, listen, race } from "millrace";
 * import { file, router, serveHttp } from "millrace/http";
 * import { Simulation } from "millrace/sim";
 *
 * const handler = router([
 *   ["GET", "/report", (request) => file(request, "/srv/latest.pdf", { download: "report.pdf" })],
 * ]);
 *
 * const world = new Simulation();
 * world.host.files.put("/srv/latest.pdf", "%PDF-");
 * await world.run(function* () {
 *   const listener = yield* listen({ port: 80 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 80 });
 *     yield* conn.write("GET /report HTTP/1.1\r\nHost: mill\r\n\r\n");
 *     return yield* conn.readUntil("\r\n\r\n%PDF-");
 *   };
 *   const { value } = yield* race({ client, server: serveHttp(listener, handler) });
 *   const head = new TextDecoder().decode(value ?? new Uint8Array());
 *   console.log(/^content-disposition: .*$/im.exec(head)?.[0]); // => 'Content-Disposition: attachment; filename="report.pdf"'
 * });
 * ```
 */
export function* file(
  request: HttpRequest<object>,
  path: string,
  options: FileOptions = {},
): Generator<Wait, Reply, unknown> {
  const { cacheControl, download = false, etag = true, headers, type = contentTypeOf(path) } = options;
  const opened = yield* openFile(null, path);
  if (opened === null) return text("Not Found\n", { status: 404 });
  const fields: HeaderField[] = [];
  if (cacheControl !== undefined) fields.push(["Cache-Control", cacheControl]);
  if (download !== false) fields.push(["Content-Disposition", attachment(download === true ? path : download)]);
  return yield* sendFile(request, opened, { path, type, coding: "", withTag: etag, fields, headers });
}
