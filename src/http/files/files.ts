// `files`: a handler for a folder of static files. Clients choose the paths here, so two things hold independently of each other that none leads out
// of the folder: the text of the path is checked name by name (folder-path.ts), and what was opened must really lie below the folder, whatever
// links are on the way (core/files.ts). What may not be had looks like what is not there: 404.

import type { Wait } from "../../core/task.ts";
import { type HttpHandler, replyOf } from "../handler.ts";
import { empty, type Reply, type ReplyInit, text } from "../reply.ts";
import type { HttpRequest } from "../request.ts";
import type { HeaderField } from "../wire/headers.ts";
import { METHOD_GET, METHOD_HEAD } from "../wire/methods.ts";
import { contentTypeOf } from "./content-type.ts";
import { type FolderPath, folderPath } from "./folder-path.ts";
import { openFile } from "./opening.ts";
import { chooseCoding } from "./precompressed.ts";
import { sendFile } from "./sending.ts";

/** Options of {@link files}. */
export interface FilesOptions {
  /** Path of requests that the folder stands for, such as `/static`; below a {@link mount}, what is behind that. Default `/`. */
  readonly prefix?: string;
  /** File that answers for a folder; `false` for none. Default `index.html`. */
  readonly index?: string | false;
  /** Whether files and folders whose names begin with a dot may be asked for. Default false. */
  readonly dotfiles?: boolean;
  /** Whether to send `name.br`, `name.zst` or `name.gz` in place of `name` to clients that take it. Default false. */
  readonly precompressed?: boolean;
  /** Cache-Control, or what gives it for a path below the folder, such as `css/site.css`. Default: none, and caches guess. */
  readonly cacheControl?: string | ((path: string) => string | undefined);
  /** Whether to send entity tags. Default true. */
  readonly etag?: boolean;
  /** Fields to add to every file; one of ours with the same name is left out, but for Vary. */
  readonly headers?: ReplyInit["headers"];
  /** Answers what is not there, and every method but GET and HEAD. Default: 404, and 405. */
  readonly fallback?: HttpHandler;
}

/**
 * Makes a handler that sends the files below the folder `root` (absolute, or relative to the working folder). Conditions and ranges are those of
 * {@link file}. A folder is answered with its index; one that is asked for without a slash at its end is redirected there (301).
 *
 * No path leads out of the folder: not `..`, encoded or not, not an encoded slash, not a symbolic link. Links within the folder work, and so does
 * a `root` that is one itself and is set to another folder while the server runs. Names with a backslash, a colon, a control character, or a
 * dot or space at their end are not found, on any system.
 *
 * @example
 * ```ts
 * import { connect, listen, race } from "millrace";
 * import { files, serveHttp } from "millrace/http";
 * import { Simulation } from "millrace/sim";
 *
 * const site = files("/srv/site", {
 *   cacheControl: (path) => (path.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache"),
 * });
 *
 * const world = new Simulation();
 * world.host.files.put("/srv/site/index.html", "<h1>Mill</h1>");
 * await world.run(function* () {
 *   const listener = yield* listen({ port: 80 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 80 });
 *     yield* conn.write("GET / HTTP/1.1\r\nHost: mill\r\n\r\nGET /../key.pem HTTP/1.1\r\nHost: mill\r\n\r\n");
 *     const first = yield* conn.readLine();
 *     yield* conn.readUntil("<h1>Mill</h1>");
 *     return [first, yield* conn.readLine()];
 *   };
 *   const { value } = yield* race({ client, server: serveHttp(listener, site) });
 *   console.log(value); // => ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"]
 * });
 * ```
 */
export function files(root: string, options: FilesOptions = {}): HttpHandler {
  const folder = new StaticFolder(root, options);
  return (request) => {
    const { methodCode } = request;
    const { fallback } = options;
    if (methodCode === METHOD_GET || methodCode === METHOD_HEAD) return folder.answer(request);
    return fallback === undefined ? refusal(request) : fallback(request);
  };
}

class StaticFolder {
  readonly #root: string;
  readonly #options: FilesOptions;
  readonly #prefix: string;
  readonly #index: string | false;

  constructor(root: string, options: FilesOptions) {
    this.#root = root;
    this.#options = options;
    const names = (options.prefix ?? "/").split("/").filter((name) => name !== "");
    this.#prefix = names.map((name) => `/${name}`).join("");
    this.#index = options.index ?? "index.html";
  }

  *answer(request: HttpRequest): Generator<Wait, Reply, unknown> {
    const { dotfiles = false, fallback } = this.#options;
    const { localPath, path } = request;
    // Where a mount's own path was asked for without a slash, `localPath` has one nevertheless.
    const below = localPath === "/" && !path.endsWith("/") ? "" : localPath;
    const place = folderPath(below, this.#prefix, dotfiles);
    const reply = place === null ? null : yield* this.#find(request, place);
    if (reply !== null) return reply;
    return fallback === undefined ? text("Not Found\n", { status: 404 }) : yield* replyOf(request, fallback(request));
  }

  *#find(request: HttpRequest, { path, isFolder }: FolderPath): Generator<Wait, Reply | null, unknown> {
    const index = this.#index === false ? null : path === "" ? this.#index : `${path}/${this.#index}`;
    if (isFolder) return index === null ? null : yield* this.#send(request, index);
    const reply = path === "" ? null : yield* this.#send(request, path);
    if (reply !== null || index === null) return reply;
    const inside = yield* openFile(this.#root, index);
    if (inside === null) return null;
    inside.close();
    return empty(301, { headers: { location: withSlash(request) } });
  }

  *#send(request: HttpRequest, path: string): Generator<Wait, Reply | null, unknown> {
    const { cacheControl, etag = true, headers, precompressed = false } = this.#options;
    // Asked before the file is open: what a hook throws must not leave it so.
    const caching = typeof cacheControl === "function" ? cacheControl(path) : cacheControl;
    const original = yield* openFile(this.#root, path);
    if (original === null) return null;
    const fields: HeaderField[] = [];
    let [file, coding] = [original, ""];
    if (precompressed) {
      ({ file, coding } = yield* chooseCoding(this.#root, path, original, request.headers.get("accept-encoding")));
      fields.push(["Vary", "Accept-Encoding"]);
    }
    if (caching !== undefined) fields.push(["Cache-Control", caching]);
    return yield* sendFile(request, file, { path, type: contentTypeOf(path), coding, withTag: etag, fields, headers });
  }
}

/** The path of `request` with a slash behind it, and its query. It begins with one slash only, or no file would have been found there. */
function withSlash({ path, target }: HttpRequest): string {
  return `${path}/${target.slice(path.length)}`;
}

function refusal(request: HttpRequest): Reply {
  const headers = { allow: "GET, HEAD, OPTIONS" };
  return request.method === "OPTIONS"
    ? empty(204, { headers })
    : text("Method Not Allowed\n", { status: 405, headers });
}
