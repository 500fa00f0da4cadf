import { TemplateProblem } from "./problem.ts";

export type TokenKind =
  | "text"
  | "left"
  | "right"
  | "space"
  | "identifier"
  | "keyword"
  | "field"
  | "variable"
  | "dot"
  | "nil"
  | "bool"
  | "number"
  | "char"
  | "string"
  | "pipe"
  | "("
  | ")"
  | ","
  | "="
  | ":="
  | "other"
  | "end of input";

export interface Token {
  readonly kind: TokenKind;
  /** As written; text is already trimmed by the markers beside it. */
  readonly text: string;
  readonly position: number;
}

const keywords: ReadonlySet<string> = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);

const blanks = " \t\r\n";
const isBlank = (char: string | undefined) => char !== undefined && char !== "" && blanks.includes(char);
const wordPattern = /[\p{L}\p{Nd}_]*/uy;
const stringPattern = /"(?:[^"\\\n]|\\[^\n])*"/y;
const charPattern = /'(?:[^'\\\n]|\\[^\n])*'/y;
const rawPattern = /`[^`]*`/y;
const numberPattern =
  /[+-]?(?:0[xX][0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?\d+)?|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;

/** Line of a position, from 1. */
export function lineOf(text: string, position: number): number {
  let line = 1;
  for (let index = text.indexOf("\n"); index >= 0 && index < position; index = text.indexOf("\n", index + 1))
    line += 1;
  return line;
}

/**
 * The tokens of a template, ending with "end of input".
 * @throws TemplateProblem "template: NAME:LINE: …" at the first character that cannot be read.
 */
export function readTokens(name: string, text: string): readonly Token[] {
  const tokens: Token[] = [];
  const fail = (position: number, message: string): never => {
    throw new TemplateProblem(`template: ${name}:${lineOf(text, position)}: ${message}`);
  };
  let position = 0;
  let isTrimming = false;
  while (position < text.length) {
    const open = text.indexOf("{{", position);
    let piece = text.slice(position, open < 0 ? text.length : open);
    let start = position;
    if (isTrimming) {
      const kept = piece.replace(/^[ \t\r\n]+/, "");
      start += piece.length - kept.length;
      piece = kept;
    }
    // A trim marker is a minus with a blank on its inner side; without the blank it begins a number.
    const trimsLeft = open >= 0 && text[open + 2] === "-" && isBlank(text[open + 3]);
    if (trimsLeft) piece = piece.replace(/[ \t\r\n]+$/, "");
    if (piece !== "") tokens.push({ kind: "text", text: piece, position: start });
    if (open < 0) break;
    const inner = open + (trimsLeft ? 4 : 2);
    const end = text.startsWith("/*", inner)
      ? skipComment(text, inner, open, fail)
      : readAction(text, inner, open, tokens, fail);
    isTrimming = end.trimsRight;
    position = end.position;
  }
  tokens.push({ kind: "end of input", text: "EOF", position: text.length });
  return tokens;
}

type Fail = (position: number, message: string) => never;
interface ActionEnd {
  readonly position: number;
  readonly trimsRight: boolean;
}

/** Where the closing delimiter at `position` ends, if there is one. */
function closingAt(text: string, position: number): ActionEnd | undefined {
  if (text.startsWith("}}", position)) return { position: position + 2, trimsRight: false };
  if (isBlank(text[position]) && text.startsWith("-}}", position + 1)) {
    return { position: position + 4, trimsRight: true };
  }
  return undefined;
}

function skipComment(text: string, inner: number, open: number, fail: Fail): ActionEnd {
  const close = text.indexOf("*/", inner + 2);
  if (close < 0) return fail(open, "unclosed comment");
  return closingAt(text, close + 2) ?? fail(close, "comment ends before closing delimiter");
}

function readAction(text: string, inner: number, open: number, tokens: Token[], fail: Fail): ActionEnd {
  tokens.push({ kind: "left", text: "{{", position: open });
  let position = inner;
  let depth = 0;
  const push = (kind: TokenKind, length: number) => {
    tokens.push({ kind, text: text.slice(position, position + length), position });
    position += length;
  };
  const match = (pattern: RegExp): number => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0].length ?? 0;
  };
  const word = (offset: number): number => {
    wordPattern.lastIndex = position + offset;
    return wordPattern.exec(text)![0].length;
  };
  /** After a name must follow something that ends it. */
  const checkEnd = () => {
    const next = text[position];
    if (next === undefined || isBlank(next) || ".,|:=()".includes(next) || text.startsWith("}}", position))
      return;
    fail(position, `bad character ${describeChar(text, position)}`);
  };
  for (;;) {
    const closing = closingAt(text, position);
    if (closing !== undefined) {
      if (depth > 0) return fail(position, "unclosed left paren");
      tokens.push({ kind: "right", text: "}}", position });
      return closing;
    }
    const char = text[position];
    if (char === undefined) return fail(open, "unclosed action");
    if (isBlank(char)) {
      let length = 1;
      while (isBlank(text[position + length]) && closingAt(text, position + length) === undefined)
        length += 1;
      push("space", length);
    } else if (text.startsWith(":=", position)) push(":=", 2);
    else if (char === "=") push("=", 1);
    else if (char === "|") push("pipe", 1);
    else if (char === ",") push(",", 1);
    else if (char === "(") {
      depth += 1;
      push("(", 1);
    } else if (char === ")") {
      depth -= 1;
      if (depth < 0) return fail(position, "unexpected right paren");
      push(")", 1);
    } else if (char === '"') {
      push("string", match(stringPattern) || fail(position, "unterminated quoted string"));
    } else if (char === "`")
      push("string", match(rawPattern) || fail(position, "unterminated raw quoted string"));
    else if (char === "'")
      push("char", match(charPattern) || fail(position, "unterminated character constant"));
    else if (char === "$") {
      push("variable", 1 + word(1));
      checkEnd();
    } else if (char === "." && !/\d/.test(text[position + 1] ?? "")) {
      const length = word(1);
      push(length === 0 ? "dot" : "field", 1 + length);
      checkEnd();
    } else if (/[\d.+-]/.test(char)) {
      const length = match(numberPattern);
      const rest = /^[\p{L}\p{Nd}_]+/u.exec(text.slice(position + length, position + length + 20))?.[0] ?? "";
      if (length === 0 || rest !== "") {
        const shown = text.slice(position, position + length + (rest.length || 1));
        return fail(position, `bad number syntax: ${JSON.stringify(shown)}`);
      }
      push("number", length);
    } else {
      const length = word(0);
      if (length === 0) {
        // Any other printable ASCII character is a token of its own, which the parser then refuses.
        if (/[!-~]/.test(char)) {
          push("other", 1);
          continue;
        }
        return fail(position, `unrecognized character in action: ${describeChar(text, position)}`);
      }
      const name = text.slice(position, position + length);
      push(kindOfWord(name), length);
      checkEnd();
    }
  }
}

function kindOfWord(word: string): TokenKind {
  if (keywords.has(word)) return "keyword";
  if (word === "true" || word === "false") return "bool";
  return word === "nil" ? "nil" : "identifier";
}

function describeChar(text: string, position: number): string {
  const code = text.codePointAt(position)!;
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  return `U+${hex} '${String.fromCodePoint(code)}'`;
}
