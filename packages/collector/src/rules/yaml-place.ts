import { isScalar, LineCounter, type Node } from "yaml";

/** Collects what is wrong with a file, each with its place. */
export interface ProblemList {
  /** Bytes do not matter: offsets are those of the text. */
  add(offset: number, message: string): void;
  readonly all: readonly string[];
}

/** Problems as "file:line:column: message". */
export function createProblemList(file: string, lines: LineCounter): ProblemList {
  const found: { readonly offset: number; readonly message: string }[] = [];
  return {
    add: (offset, message) => found.push({ offset, message }),
    get all() {
      return found
        .toSorted((left, right) => left.offset - right.offset)
        .map(({ offset, message }) => {
          const { line, col } = lines.linePos(offset);
          return `${file}:${line}:${col}: ${message}`;
        });
    },
  };
}

/** Where a node begins in the text. */
export function offsetOf(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0;
}

/**
 * Where line and column of a scalar's value (both from 1) stand in the file's text:
 * exact for plain, quoted and literal scalars that are written as they are read, else the scalar's beginning.
 */
export function placeInScalar(text: string, node: Node, line: number, column: number): number {
  const start = offsetOf(node);
  if (!isScalar(node) || typeof node.value !== "string") return start;
  const source = text.slice(start, node.range?.[1] ?? start);
  if (node.type === "PLAIN" && source === node.value) return start + column - 1;
  if (node.type?.startsWith("QUOTE") === true && source.slice(1, -1) === node.value) return start + column;
  if (node.type !== "BLOCK_LITERAL") return start;
  const header = text.indexOf("\n", start) + 1;
  let lineStart = header;
  for (let index = 1; index < line; index += 1) lineStart = text.indexOf("\n", lineStart) + 1;
  const indent = /^ */.exec(text.slice(lineStart))![0].length;
  const valueIndent = /^ */.exec(node.value.split("\n")[line - 1] ?? "")![0].length;
  return lineStart + indent - valueIndent + column - 1;
}
