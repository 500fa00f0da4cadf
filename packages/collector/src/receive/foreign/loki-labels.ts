import { CollectorError } from "../../model/index.ts";

/** A label and what follows it: `name="…"` or `` name=`…` ``, then a comma unless it is the last. */
const label = /\s*([a-zA-Z_:][\w:.]*)\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(,|$)/sy;
/** An escape of Go's string literals. */
const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs;
const letters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

/**
 * The labels of a stream as protobuf has them: `{app="shop", env="prod"}`. Names and values in turn.
 * @throws CollectorError QUARTET_OTLP_INVALID
 */
export function parseStreamLabels(text: string): readonly string[] {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (inner === undefined) return fail(text);
  const labels: string[] = [];
  label.lastIndex = 0;
  while (label.lastIndex < inner.length) {
    if (inner.slice(label.lastIndex).trim() === "") break;
    const match = label.exec(inner);
    if (match === null) return fail(text);
    labels.push(match[1]!, unquote(match[2]!, text));
  }
  return labels;
}

/** Bytes of `\x` and octal escapes are taken for characters below U+0100, as senders write such text in UTF-8 or not at all. */
function unquote(quoted: string, text: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("`") || !inner.includes("\\")) return inner;
  return inner
    .replace(
      escape,
      (_whole, hex?: string, short?: string, long?: string, octal?: string, letter?: string) => {
        if (letter !== undefined) return letters[letter] ?? fail(text);
        const code = octal === undefined ? parseInt(hex ?? short ?? long ?? "", 16) : parseInt(octal, 8);
        return code > 0x10ffff ? fail(text) : String.fromCodePoint(code);
      },
    )
    .toWellFormed();
}

function fail(text: string): never {
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  throw new CollectorError(
    "QUARTET_OTLP_INVALID",
    `the labels ${JSON.stringify(shown)} should be like {app="shop", env="prod"}`,
  );
}
