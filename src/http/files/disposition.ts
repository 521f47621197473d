// Content-Disposition for downloads (RFC 6266): the name as ASCII for those who know no better, and whole (RFC 8187) where that differs.

/** Asks the client to save the body under `name`; of a path only the last part counts. */
export function attachment(name: string): string {
  const whole = lastPart(name)
    .toWellFormed()
    .replace(/[\x00-\x1f\x7f]/g, "");
  if (whole === "") return "attachment";
  // Some clients decode percent signs in the plain form, and quote marks and backslashes are read in more than one way.
  const plain = whole.replace(/[^\x20-\x7e]|[%"\\]/g, "_");
  const both = plain === whole ? "" : `; filename*=UTF-8''${encoded(whole)}`;
  return `attachment; filename="${plain}"${both}`;
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** Percent-encoded but for the characters that RFC 8187 leaves as they are: fewer than `encodeURIComponent` does. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
