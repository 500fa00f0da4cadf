/**
 * A test for expressions that are only letters, digits, simple classes and `.*` or `.+`, such as "api-.*" or ".*[0-4]7";
 * undefined for every other one. Answers as RE2 does with the whole text, many times as fast, and in bounded time:
 * the pieces between the gaps have one length, and the earliest place of each leaves most room to the next.
 */
export function compileWildcards(expression: string): ((value: string) => boolean) | undefined {
  const parts = expression.split(/(\.[*+])/);
  const pieces = parts.filter((_part, index) => index % 2 === 0);
  const gaps = parts.flatMap((part, index) => (index % 2 === 0 ? [] : [part === ".+" ? 1 : 0]));
  if (gaps.length === 0 || !pieces.every((piece) => pieceForm.test(piece))) return undefined;
  // Two gaps side by side count characters, which are not the units that we count in.
  if (pieces.slice(1, -1).includes("")) return undefined;
  const first = new RegExp(`^${pieces[0]!}`);
  const last = new RegExp(`${pieces.at(-1)!}$`);
  const firstLength = lengthOf(pieces[0]!);
  const lastLength = lengthOf(pieces.at(-1)!);
  const middle = pieces
    .slice(1, -1)
    .map((piece) => ({ search: new RegExp(piece, "g"), length: lengthOf(piece) }));
  const lastGap = gaps.at(-1)!;
  return (value) => {
    if (value.length < firstLength + lastLength || !first.test(value) || !last.test(value)) return false;
    let from = firstLength;
    for (const [index, { search, length }] of middle.entries()) {
      search.lastIndex = from + gaps[index]!;
      const found = search.exec(value);
      if (found === null) return false;
      from = found.index + length;
    }
    return value.length - lastLength >= from + lastGap;
  };
}

/** ASCII that means itself, an escaped dot, or a class of letters and digits. */
const pieceForm = /^(?:[\w:/ -]|\\\.|\[(?:0-9|a-z|A-Z|[0-9A-Za-z])+\])*$/;

const lengthOf = (piece: string): number => piece.replaceAll(/\[[^\]]*\]|\\\./g, ".").length;
