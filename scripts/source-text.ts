// A reader of source text for test/tidy.test.ts: which parts are code, what a file imports, how long its functions are.
// It is a scanner and no parser, and deliberately not the compiler: the rules it serves are about text, it must see the
// type-only imports that a transpiler drops, and it runs in milliseconds with nothing installed.
// Every result keeps the positions and line numbers of its input: what is masked becomes spaces.

/** What {@link mask} leaves: `code` blanks comments, strings, template text and regular expressions; `text` comments only. */
export type Kept = "code" | "text";

/** One module that a file names, type-only or not, and the line that names it. */
export interface ImportedModule {
  readonly specifier: string;
  readonly line: number;
}

/** A function and the lines from its head to its closing brace. */
export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|new|do|else|yield|await|instanceof))$/;

/** Blanks what is not code (or, for `text`, only what is a comment); line breaks stay. */
export function mask(source: string, kept: Kept): string {
  const out = source.split("");
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  const openBraces: ("brace" | "template")[] = [];
  let code = ""; // code seen so far, without blanks: tells a division from a regular expression
  let i = 0;
  while (i < source.length) {
    const token = tokenAt(source, i, code, openBraces);
    const hidden = kept === "code" ? token.kind !== "code" : token.kind === "comment";
    if (hidden) blank(i, token.end);
    if (token.kind === "code") code = (code + source.slice(i, token.end).trim()).slice(-16);
    else if (token.kind === "literal") code += '"';
    i = token.end;
  }
  return out.join("");
}

type Token = { readonly kind: "code" | "comment" | "literal"; readonly end: number };

function tokenAt(source: string, at: number, code: string, openBraces: ("brace" | "template")[]): Token {
  const two = source.slice(at, at + 2);
  if (two === "//") return { kind: "comment", end: orEnd(source, source.indexOf("\n", at)) };
  if (two === "/*") return { kind: "comment", end: after(source, "*/", at + 2) };
  const char = source[at] ?? "";
  if (char === '"' || char === "'") return { kind: "literal", end: quotedEnd(source, at) };
  if (char === "`") return templateText(source, at + 1, openBraces);
  if (char === "}") {
    return openBraces.pop() === "template" ? templateText(source, at + 1, openBraces) : { kind: "code", end: at + 1 };
  }
  if (char === "{") openBraces.push("brace");
  if (char === "/" && REGEX_MAY_FOLLOW.test(code)) return { kind: "literal", end: regexEnd(source, at) };
  const word = /^[\w$]+\s*/.exec(source.slice(at, at + 256));
  return { kind: "code", end: at + (word?.[0].length ?? 1) };
}

function orEnd(source: string, index: number): number {
  return index === -1 ? source.length : index;
}

function after(source: string, mark: string, from: number): number {
  const index = source.indexOf(mark, from);
  return index === -1 ? source.length : index + mark.length;
}

function quotedEnd(source: string, at: number): number {
  const quote = source[at];
  let i = at + 1;
  while (i < source.length && source[i] !== quote && source[i] !== "\n") i += source[i] === "\\" ? 2 : 1;
  return Math.min(i + 1, source.length);
}

/** From inside a template to its end or to the `${` that opens code again. */
function templateText(source: string, from: number, openBraces: ("brace" | "template")[]): Token {
  let i = from;
  while (i < source.length && source[i] !== "`") {
    if (source[i] === "$" && source[i + 1] === "{") {
      openBraces.push("template");
      return { kind: "literal", end: i + 2 };
    }
    i += source[i] === "\\" ? 2 : 1;
  }
  return { kind: "literal", end: Math.min(i + 1, source.length) };
}

function regexEnd(source: string, at: number): number {
  let i = at + 1;
  let inClass = false;
  while (i < source.length && source[i] !== "\n" && (inClass || source[i] !== "/")) {
    if (source[i] === "[") inClass = true;
    else if (source[i] === "]") inClass = false;
    i += source[i] === "\\" ? 2 : 1;
  }
  while (/[/a-z]/.test(source[i] ?? "")) i++;
  return i;
}

/** The 1-based line of a position. */
export function lineAt(source: string, index: number): number {
  let line = 1;
  for (let i = source.indexOf("\n"); i !== -1 && i < index; i = source.indexOf("\n", i + 1)) line++;
  return line;
}

const IMPORT = /\b(?:import|export)\s+[\w$*{},\s]*?\bfrom\s*["']([^"'\n]+)["']|\bimport\s*\(?\s*["']([^"'\n]+)["']/g;

/** Every module that `source` imports or re-exports from, type-only and dynamic imports included. */
export function importsOf(source: string): ImportedModule[] {
  const text = mask(source, "text");
  const code = mask(source, "code");
  const found: ImportedModule[] = [];
  for (const match of text.matchAll(IMPORT)) {
    if (code[match.index] === " ") continue; // the words stand inside a string
    const specifier = match[1] ?? match[2] ?? "";
    found.push({ specifier, line: lineAt(source, match.index + match[0].lastIndexOf(specifier)) });
  }
  return found;
}

const NOT_A_FUNCTION = new Set(["if", "for", "while", "switch", "catch", "with", "return", "await", "new", "super"]);
const FUNCTION_HEAD = new RegExp(
  [
    /\bfunction\s*\*?\s*([\w$]*)\s*(?:<[^()]*>)?\(/,
    /^[ \t]+(?:(?:static|async|override|get|set|public|private|protected)\s+)*\*?\s*(#?[\w$]+|\[[\w$.]+\])\s*(?:<[^()\n]*>)?\(/,
    /=>\s*\{/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gm",
);

/** Functions, methods and arrow functions with a block body, in source order; nested ones appear beside the outer one. */
export function functionsOf(source: string): FunctionSpan[] {
  const code = mask(source, "code");
  const found: FunctionSpan[] = [];
  for (const match of code.matchAll(FUNCTION_HEAD)) {
    const name = match[1] || match[2] || "(anonymous)";
    if (NOT_A_FUNCTION.has(name)) continue;
    const last = match.index + match[0].length - 1;
    const open = code[last] === "{" ? last : bodyStart(code, closing(code, last) + 1);
    if (open === -1) continue;
    const head = match.index + match[0].search(/\S/);
    const line = lineAt(code, head);
    found.push({ name, line, lines: lineAt(code, closing(code, open)) - line + 1 });
  }
  return found;
}

const CLOSER: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** The position of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  const opener = code[open] ?? "";
  const closer = CLOSER[opener] ?? "";
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === opener) depth++;
    else if (code[i] === closer && --depth === 0) return i;
  }
  return code.length;
}

/** From behind a parameter list: where the body's brace stands, or -1 for a call, an overload or an abstract method. */
function bodyStart(code: string, from: number): number {
  let i = from;
  let angle = 0;
  let before = ")";
  const typed = /^\s*:/.test(code.slice(from, from + 8));
  for (; i < code.length; i++) {
    const char = code[i] ?? "";
    if (/\s/.test(char)) continue;
    if (char === "{" && angle === 0 && !/^(?:[:|&]|=>)$/.test(before)) return i; // behind those it opens a type
    if (!typed) return -1;
    if (char === "{" || char === "(" || char === "[") i = closing(code, i);
    else if (char === "<") angle++;
    else if (char === ">" && code[i - 1] !== "=") angle--;
    else if (char === ";" || char === ")" || (char === "," && angle === 0) || char === "}") return -1;
    before = char === ">" && code[i - 1] === "=" ? "=>" : char;
  }
  return -1;
}
