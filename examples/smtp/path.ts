// What MAIL and RCPT say of an address: a path in angle brackets, and parameters behind it (RFC 5321 section 4.1.2, with RFC 6531's letters). Routes before
// an address are read and dropped, as the standard asks; nothing is looked up.

/** The argument of MAIL or RCPT. */
export interface Path {
  /** `ada@mill.example`; empty for the path `<>`. */
  readonly address: string;
  /** By name in upper case; `null` for one without a value. */
  readonly parameters: ReadonlyMap<string, string | null>;
}

/** Section 4.5.3.1: bytes of the two parts of an address. */
const LOCAL_BYTES_MAX = 64;
const DOMAIN_BYTES_MAX = 255;

const ATOM = "[\\w!#$%&'*+/=?^`{|}~\\u0080-\\u{10FFFF}-]+";
const QUOTED = '"(?:[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E\\u0080-\\u{10FFFF}]|\\\\[\\x20-\\x7E])*"';
const LABEL = "[A-Za-z\\d\\u0080-\\u{10FFFF}](?:[A-Za-z\\d\\u0080-\\u{10FFFF}-]*[A-Za-z\\d\\u0080-\\u{10FFFF}])?";
const DOMAIN = `${LABEL}(?:\\.${LABEL})*|\\[[A-Za-z\\d:.-]+\\]`;
const ROUTE = "@[^:<>\\s]+:";
const PATH = new RegExp(`^ *<(?:${ROUTE})?(?:(${ATOM}(?:\\.${ATOM})*|${QUOTED})@(${DOMAIN}))?>(.*)$`, "u");
/** The one that has no domain (section 4.5.1). */
const POSTMASTER = /^ *<postmaster>(.*)$/i;
const PARAMETER = /^([A-Za-z\d][A-Za-z\d-]*)(?:=([\x21-\x3C\x3E-\x7E]+))?$/;

/** Reads what stands behind `FROM:` or `TO:`; `null` for what is no path. */
export function pathOf(text: string): Path | null {
  const postmaster = POSTMASTER.exec(text);
  if (postmaster !== null) return withParameters("postmaster", postmaster[1] as string);
  const found = PATH.exec(text);
  if (found === null) return null;
  const [, local, domain, rest = ""] = found;
  if (local === undefined || domain === undefined) return withParameters("", rest);
  if (Buffer.byteLength(local) > LOCAL_BYTES_MAX || Buffer.byteLength(domain) > DOMAIN_BYTES_MAX) return null;
  return withParameters(`${local}@${domain}`, rest);
}

function withParameters(address: string, text: string): Path | null {
  const parameters = new Map<string, string | null>();
  if (text !== "" && !text.startsWith(" ")) return null;
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const [whole, name = "", value] = PARAMETER.exec(word) ?? [];
    const key = name.toUpperCase();
    if (whole === undefined || parameters.has(key)) return null;
    parameters.set(key, value ?? null);
  }
  return { address, parameters };
}
