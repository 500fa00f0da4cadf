import { parseError, quoted, quotedRune } from "./position.ts";
import { scanNumber } from "./scan-number.ts";
import { scanString } from "./scan-string.ts";
import { keywordOf, type Token, type TokenKind } from "./token.ts";

export interface Lexer {
  /**
   * The next token; after the last one always "end of input". Comments and white space are left out.
   * @throws CollectorError QUARTET_PROMQL_INVALID at the first character that no token begins with.
   */
  next(): Token;
}

const signs: readonly TokenKind[] = [
  "==",
  "!=",
  "<=",
  "</",
  ">=",
  ">/",
  "<",
  ">",
  "=",
  "+",
  "-",
  "*",
  "/",
  "%",
  "^",
  ",",
  "@",
];
const bracketSigns: readonly TokenKind[] = ["+", "-", "*", "/", "%", "^", ","];
const durationWords: ReadonlySet<string> = new Set(["step", "range", "max_of", "min_of"]);

const isSpace = (char: string): boolean => char === " " || char === "\t" || char === "\n" || char === "\r";
const isDigit = (char: string): boolean => char >= "0" && char <= "9";
const isAlpha = (char: string): boolean => /^[A-Za-z_]$/.test(char);

/** Cuts the text of a query into tokens, refusing what Prometheus' lexer refuses, at the same place. */
export function createLexer(text: string): Lexer {
  let position = 0;
  let parenDepth = 0;
  let braceOpen = false;
  let bracketOpen = false;
  let gotColon = false;
  // Right after "[" only a duration may follow; once a number was read, anything goes on that goes elsewhere.
  let beforeDuration = false;

  const fail = (offset: number, message: string): never => {
    throw parseError(text, offset, message);
  };
  const take = (kind: TokenKind, start: number, end: number): Token => {
    position = end;
    return { kind, text: text.slice(start, end), start, end };
  };
  const wordEnd = (start: number, pattern: RegExp): number => {
    let end = start;
    while (end < text.length && pattern.test(text[end]!)) end += 1;
    return end;
  };
  const string = (start: number): Token => {
    const scanned = scanString(text, start);
    if (scanned.kind === "broken") return fail(start, scanned.message);
    return take("string", start, scanned.end);
  };
  const number = (start: number): Token => {
    const scanned = scanNumber(text, start);
    if (scanned.kind === "broken") {
      return fail(start, `bad number or duration syntax: ${quoted(text.slice(start, scanned.end))}`);
    }
    beforeDuration = false;
    return take(scanned.kind, start, scanned.end);
  };

  function insideBraces(start: number, char: string): Token {
    if (char === "") return fail(start, "unexpected end of input inside braces");
    if (isAlpha(char)) return take("identifier", start, wordEnd(start, /[A-Za-z0-9_]/));
    if (char === '"' || char === "'" || char === "`") return string(start);
    if (char === ",") return take(",", start, start + 1);
    if (char === "=")
      return text[start + 1] === "~" ? take("=~", start, start + 2) : take("=", start, start + 1);
    if (char === "!") {
      const next = text[start + 1] ?? "";
      if (next === "~") return take("!~", start, start + 2);
      if (next === "=") return take("!=", start, start + 2);
      return fail(start, `unexpected character after '!' inside braces: ${quotedRune(next)}`);
    }
    if (char === "{") return fail(start, "unexpected left brace '{'");
    if (char === "}") {
      braceOpen = false;
      return take("}", start, start + 1);
    }
    return fail(start, `unexpected character inside braces: ${quotedRune(codePointAt(start))}`);
  }

  function colon(start: number): Token {
    if (beforeDuration) return fail(start + 1, "unexpected colon before duration in duration expression");
    if (gotColon) return fail(start, "unexpected colon ':'");
    gotColon = true;
    return take(":", start, start + 1);
  }

  function durationWord(start: number): Token | undefined {
    const end = wordEnd(start, /[A-Za-z_]/);
    const found = text.slice(start, end).toLowerCase();
    return durationWords.has(found) ? take(found as TokenKind, start, end) : undefined;
  }

  function atDuration(start: number, char: string): Token {
    if (char === "") return fail(start, "unexpected end of input in duration expression");
    if (char === "]") {
      bracketOpen = false;
      return take("]", start, start + 1);
    }
    if (char === ":") return colon(start);
    if (char === "(" || char === ")") return paren(start, char);
    const sign = bracketSigns.find((candidate) => candidate === char);
    if (sign !== undefined) return take(sign, start, start + 1);
    if (isDigit(char) || (char === "." && isDigit(text[start + 1] ?? ""))) return number(start);
    const word = isAlpha(char) ? durationWord(start) : undefined;
    return (
      word ?? fail(start, `unexpected character in duration expression: ${quotedRune(codePointAt(start))}`)
    );
  }

  function paren(start: number, char: "(" | ")"): Token {
    parenDepth += char === "(" ? 1 : -1;
    if (parenDepth < 0) return fail(start + 1, "unexpected right parenthesis ')'");
    return take(char, start, start + 1);
  }

  function word(start: number): Token {
    if (bracketOpen) {
      if (text[start] === ":") return colon(start);
      const kind = durationWord(start);
      return kind ?? fail(start, `unexpected character: ${quotedRune(text[start]!)}, expected ':'`);
    }
    const end = wordEnd(start, /[A-Za-z0-9_:]/);
    const found = text.slice(start, end);
    const lower = found.toLowerCase();
    if (lower === "inf" || lower === "nan") return take("number", start, end);
    const keyword = keywordOf(found);
    if (keyword !== undefined) {
      // `fill` is a keyword only before its value, so that a metric may be called so.
      const isName = keyword.startsWith("fill") && !/^[ \t\r\n]*\(/.test(text.slice(end));
      return take(isName ? "identifier" : keyword, start, end);
    }
    return take(found.includes(":") ? "metric identifier" : "identifier", start, end);
  }

  function statement(start: number, char: string): Token {
    if (char === "") {
      if (parenDepth > 0) return fail(start, "unclosed left parenthesis");
      if (bracketOpen) return fail(start, "unclosed left bracket");
      return take("end of input", start, start);
    }
    if (char === "(" || char === ")") return paren(start, char);
    if (char === "{") {
      braceOpen = true;
      return take("{", start, start + 1);
    }
    if (char === "[") {
      if (bracketOpen) return fail(start, "unexpected left bracket '['");
      bracketOpen = true;
      beforeDuration = true;
      gotColon = false;
      return take("[", start, start + 1);
    }
    if (char === "]") {
      if (!bracketOpen) return fail(start, "unexpected right bracket ']'");
      bracketOpen = false;
      return take("]", start, start + 1);
    }
    if (char === '"' || char === "'" || char === "`") return string(start);
    if (isDigit(char) || (char === "." && isDigit(text[start + 1] ?? ""))) return number(start);
    if (isAlpha(char) || char === ":") return word(start);
    if (text.startsWith("=~", start)) return fail(start, "unexpected character after '=': '~'");
    const sign = signs.find((candidate) => text.startsWith(candidate, start));
    if (sign !== undefined) return take(sign, start, start + sign.length);
    if (char === "!")
      return fail(start, `unexpected character after '!': ${quotedRune(text[start + 1] ?? "")}`);
    return fail(start, `unexpected character: ${quotedRune(codePointAt(start))}`);
  }

  const codePointAt = (offset: number): string => String.fromCodePoint(text.codePointAt(offset) ?? 0xfffd);

  return {
    next() {
      for (;;) {
        const char = text[position] ?? "";
        if (char !== "" && isSpace(char)) position += 1;
        else if (char === "#" && !(bracketOpen && beforeDuration)) {
          while (position < text.length && text[position] !== "\n" && text[position] !== "\r") position += 1;
        } else break;
      }
      const char = text[position] ?? "";
      if (braceOpen) return insideBraces(position, char);
      if (bracketOpen && beforeDuration) return atDuration(position, char);
      return statement(position, char);
    },
  };
}
