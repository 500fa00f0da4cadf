import { encodeVarint } from "../otlp/index.ts";
import { createBytesCache, type BytesCache } from "./bytes-cache.ts";
import type { Redactor } from "./redactor.ts";

/** What becomes of a text. */
export interface TextEdit {
  /** Length and UTF-8. */
  readonly encoded: Uint8Array;
  /** Numbers of the rules that masked something; none where it only got a new name. */
  readonly rules: readonly number[];
}

const textsMax = 8192;
/** Longer texts are seldom the same twice. */
const textLengthMax = 256;

/** What becomes of texts: they are masked, then renamed. Undefined for those that stay. */
export function createTextCache({
  redactor,
  rename,
}: {
  readonly redactor: Redactor | undefined;
  readonly rename: ((text: string) => string | undefined) | undefined;
}): BytesCache<TextEdit | undefined> {
  return createBytesCache({
    entriesMax: textsMax,
    lengthMax: textLengthMax,
    find(bytes, start, end) {
      const text = textOf(bytes, start, end);
      const redaction = redactor?.redact(text);
      const renamed = rename?.(redaction?.masked ?? text);
      const edited = renamed ?? redaction?.masked;
      return edited === undefined
        ? undefined
        : { encoded: encodeText(edited), rules: redaction?.rules ?? [] };
    },
  });
}

/** A text with its length before it. */
export function encodeText(text: string): Uint8Array {
  const content = Buffer.from(text);
  return Buffer.concat([encodeVarint(content.length), content]);
}

export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}
