import { createLexer } from "./lexer.ts";
import { parseNumber, parseDurationMs } from "./literal.ts";
import { parseError, type Span } from "./position.ts";
import { scanString } from "./scan-string.ts";
import { describeToken, type Token, type TokenKind } from "./token.ts";
import type { NumberLiteral } from "./ast.ts";

/** What parts of the language are on beside the stable ones. */
export interface ParseOptions {
  /** Functions and aggregations that Prometheus has behind promql-experimental-functions. */
  readonly experimentalFunctions?: boolean;
  /** `fill`, `fill_left`, `fill_right`. */
  readonly fillModifiers?: boolean;
  /** `anchored` and `smoothed`. */
  readonly extendedRangeSelectors?: boolean;
}

/** The tokens of one query, with one token of foresight. */
export interface TokenCursor {
  readonly text: string;
  readonly options: ParseOptions;
  /** The token that comes next. */
  peek(): Token;
  /** Takes the next token. */
  take(): Token;
  /** Takes the next token if it is of this kind. */
  takeIf(kind: TokenKind): Token | undefined;
  /** Takes a token of this kind. */
  expect(kind: TokenKind, context: string, expected: string): Token;
  /** Where the token taken last ended. */
  end(): number;
  /** Parses a part within which a token that is refused without a context of its own is refused in this one. */
  within<T>(context: string, parse: () => T): T;
  /** Refuses the next token. */
  unexpected(context?: string, expected?: string): never;
  fail(offset: number, message: string): never;
}

export function createTokenCursor(text: string, options: ParseOptions): TokenCursor {
  const lexer = createLexer(text);
  let next: Token | undefined;
  let lastEnd = 0;
  let ambient = "";
  const cursor: TokenCursor = {
    text,
    options,
    peek() {
      next ??= lexer.next();
      return next;
    },
    take() {
      const token = cursor.peek();
      next = undefined;
      lastEnd = token.end;
      return token;
    },
    takeIf(kind) {
      return cursor.peek().kind === kind ? cursor.take() : undefined;
    },
    expect(kind, context, expected) {
      return cursor.takeIf(kind) ?? cursor.unexpected(context, expected);
    },
    end: () => lastEnd,
    within(context, parse) {
      const outer = ambient;
      ambient = context;
      const parsed = parse();
      ambient = outer;
      return parsed;
    },
    unexpected(context = "", expected = "") {
      const token = cursor.peek();
      const named = context === "" ? ambient : context;
      const where = named === "" ? "" : ` in ${named}`;
      const wanted = expected === "" ? "" : `, expected ${expected}`;
      return cursor.fail(token.start, `unexpected ${describeToken(token)}${where}${wanted}`);
    },
    fail(offset, message) {
      throw parseError(text, offset, message);
    },
  };
  return cursor;
}

/** The number or duration that a token of that kind says; a duration in seconds. */
export function readNumber(cursor: TokenCursor, token: Token): NumberLiteral {
  const span: Span = { start: token.start, end: token.end };
  if (token.kind === "duration") {
    const durationMs = parseDurationMs(token.text);
    if (typeof durationMs !== "number") return cursor.fail(token.start, durationMs.message);
    return { kind: "number", value: durationMs / 1000, isDuration: true, span };
  }
  const value = parseNumber(token.text);
  if (value === undefined) {
    const shown = JSON.stringify(token.text);
    return cursor.fail(
      token.start,
      `error parsing number: strconv.ParseFloat: parsing ${shown}: invalid syntax`,
    );
  }
  return { kind: "number", value, isDuration: false, span };
}

/** The value of a string token. */
export function readString(cursor: TokenCursor, token: Token): string {
  const scanned = scanString(cursor.text, token.start);
  return scanned.kind === "string" ? scanned.value : cursor.fail(token.start, scanned.message);
}
