// The mailbox over HTTP, for tests of programs that send mail: GET /mails lists what has come, GET /mails/1 gives one as it was sent, DELETE /mails
// empties it.

import { bytes, empty, type HttpHandler, json, type Reply, router, text } from "millrace/http";
import type { Mail, Mailbox } from "./mailbox.ts";

function summaryOf({ id, from, to, client, isSecure, bytes }: Mail): object {
  return { id, from, to, client, tls: isSecure, size: bytes.length };
}

function answerMail(mailbox: Mailbox, id: string): Reply {
  const mail = /^[1-9]\d{0,14}$/.test(id) ? mailbox.get(Number(id)) : undefined;
  return mail === undefined
    ? text("There is no such mail\n", { status: 404 })
    : bytes(mail.bytes, { type: "message/rfc822" });
}

/** A handler that shows `mailbox`. */
export function view(mailbox: Mailbox): HttpHandler {
  return router([
    ["GET", "/mails", () => json(mailbox.mails.map(summaryOf))],
    ["GET", "/mails/:id", ({ params }) => answerMail(mailbox, params["id"] ?? "")],
    [
      "DELETE",
      "/mails",
      () => {
        mailbox.clear();
        return empty(204);
      },
    ],
  ]);
}
