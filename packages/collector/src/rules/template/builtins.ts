import { goQueryEscape, type TemplateFunction } from "./function.ts";
import { TemplateProblem } from "./problem.ts";
import { sprintf } from "./sprintf.ts";
import { isNothing, isTrue, print, typeName, type Value } from "./value.ts";

const fail = (message: string): never => {
  throw new TemplateProblem(message);
};

type Basic = "bool" | "int" | "float" | "string" | "invalid";

function basicKind(value: Value): Basic {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  return typeof value === "string" ? "string" : "invalid";
}

const incompatible = (left: Value, right: Value) =>
  fail(`incompatible types for comparison: ${typeName(left)} and ${typeName(right)}`);

function equals(left: Value, right: Value): boolean {
  const [leftKind, rightKind] = [basicKind(left), basicKind(right)];
  if (leftKind !== rightKind) return isNothing(left) || isNothing(right) ? false : incompatible(left, right);
  if (leftKind !== "invalid") return left === right;
  if (isNothing(left) || isNothing(right)) return isNothing(left) && isNothing(right);
  if (typeName(left) !== typeName(right)) return false;
  return typeName(left).startsWith("*")
    ? left === right
    : fail(`non-comparable type ${print(right)}: ${typeName(right)}`);
}

function isLess(left: Value, right: Value): boolean {
  const [leftKind, rightKind] = [basicKind(left), basicKind(right)];
  if (leftKind === "invalid" || rightKind === "invalid") return fail("invalid type for comparison");
  if (leftKind !== rightKind) return incompatible(left, right);
  switch (leftKind) {
    case "bool":
      return fail("invalid type for comparison");
    case "string":
      return Buffer.compare(Buffer.from(left as string), Buffer.from(right as string)) < 0;
    case "int":
    case "float":
      return (left as number) < (right as number);
  }
}

const isLessOrEqual = (left: Value, right: Value) => isLess(left, right) || equals(left, right);

function toIndex(value: Value, size: number): number {
  if (isNothing(value)) return fail("cannot index slice/array with nil");
  if (typeof value !== "bigint") return fail(`cannot index slice/array with type ${typeName(value)}`);
  if (value < 0n || value > BigInt(size)) return fail(`index out of range: ${value}`);
  return Number(value);
}

function pick(item: Value, index: Value): Value {
  if (isNothing(item)) return fail("index of untyped nil");
  if (typeof item === "string") {
    const bytes = Buffer.from(item);
    const at = toIndex(index, bytes.length);
    return at === bytes.length ? fail(`index out of range: ${at}`) : BigInt(bytes[at]!);
  }
  if (typeof item !== "object") return fail(`can't index item of type ${typeName(item)}`);
  if (item.kind === "list") {
    const at = toIndex(index, item.items.length);
    return item.items[at] ?? fail(`error calling index: reflect: slice index out of range`);
  }
  if (item.kind !== "map") return fail(`can't index item of type ${typeName(item)}`);
  if (isNothing(index)) return fail("value is nil; should be of type string");
  if (typeof index !== "string") return fail(`value has type ${typeName(index)}; should be string`);
  return item.entries.get(index) ?? (item.isOpen ? undefined : "");
}

function cut(item: Value, indexes: readonly Value[]): Value {
  if (isNothing(item)) return fail("slice of untyped nil");
  if (indexes.length > 3) return fail(`too many slice indexes: ${indexes.length}`);
  const isList = typeof item === "object" && item.kind === "list";
  if (typeof item !== "string" && !isList) return fail(`can't slice item of type ${typeName(item)}`);
  if (typeof item === "string" && indexes.length === 3) return fail("cannot 3-index slice a string");
  const bytes = typeof item === "string" ? Buffer.from(item) : undefined;
  const size = bytes?.length ?? (isList ? item.items.length : 0);
  const [from = 0, to = size] = indexes.map((index) => toIndex(index, size));
  if (from > to) return fail(`invalid slice index: ${from} > ${to}`);
  if (bytes !== undefined) return bytes.subarray(from, to).toString();
  return isList ? { ...item, items: item.items.slice(from, to) } : item;
}

function lengthOf(item: Value): bigint {
  if (isNothing(item)) return fail("len of nil pointer");
  if (typeof item === "string") return BigInt(Buffer.byteLength(item));
  if (typeof item === "object" && item.kind === "map") return BigInt(item.entries.size);
  if (typeof item === "object" && item.kind === "list") return BigInt(item.items.length);
  return fail(`len of type ${typeName(item)}`);
}

/** fmt.Sprint puts a blank between two operands when neither is a string. */
function sprint(args: readonly Value[]): string {
  return args
    .map((arg, index) => {
      const previous = args[index - 1];
      const isSpaced = index > 0 && typeof arg !== "string" && typeof previous !== "string";
      return (isSpaced ? " " : "") + (arg === undefined ? "<nil>" : print(arg));
    })
    .join("");
}

/** One string as it is, anything else as fmt.Sprint would print it: what html, js and urlquery take. */
const textOf = (args: readonly Value[]) =>
  args.length === 1 && typeof args[0] === "string" ? args[0] : sprint(args);

const htmlEscapes: Readonly<Record<string, string>> = {
  "\0": "\uFFFD",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

const scriptEscapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

function escapeScript(text: string): string {
  return text.replaceAll(/[\\'"<>&=]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    const code = char.codePointAt(0)!;
    return scriptEscapes[char] ?? `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

/** The functions that Go's text/template has by itself; `and` and `or` are evaluated lazily by the executor. */
export const builtins: Readonly<Record<string, TemplateFunction>> = {
  and: { params: ["any"], rest: "any", call: (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) },
  or: { params: ["any"], rest: "any", call: (args) => args.find(isTrue) ?? args.at(-1) },
  not: { params: ["any"], call: ([value]) => !isTrue(value) },
  call: {
    params: ["any"],
    rest: "any",
    call: ([value]) => fail(isNothing(value) ? "call of nil" : `non-function of type ${typeName(value)}`),
  },
  html: {
    params: [],
    rest: "any",
    call: (args) => textOf(args).replaceAll(/["'&<>\0]/g, (char) => htmlEscapes[char]!),
  },
  js: { params: [], rest: "any", call: (args) => escapeScript(textOf(args)) },
  urlquery: { params: [], rest: "any", call: (args) => goQueryEscape(textOf(args)) },
  index: { params: ["any"], rest: "any", call: ([item, ...indexes]) => indexes.reduce(pick, item) },
  slice: { params: ["any"], rest: "any", call: ([item, ...indexes]) => cut(item, indexes) },
  len: { params: ["any"], call: ([item]) => lengthOf(item) },
  print: { params: [], rest: "any", call: (args) => sprint(args) },
  printf: { params: ["string"], rest: "any", call: ([format, ...args]) => sprintf(format as string, args) },
  println: {
    params: [],
    rest: "any",
    call: (args) => `${args.map((arg) => (arg === undefined ? "<nil>" : print(arg))).join(" ")}\n`,
  },
  eq: {
    params: ["any"],
    rest: "any",
    call: ([left, ...others]) =>
      others.length === 0
        ? fail("missing argument for comparison")
        : others.some((right) => equals(left, right)),
  },
  ne: { params: ["any", "any"], call: ([left, right]) => !equals(left, right) },
  lt: { params: ["any", "any"], call: ([left, right]) => isLess(left, right) },
  le: { params: ["any", "any"], call: ([left, right]) => isLessOrEqual(left, right) },
  gt: { params: ["any", "any"], call: ([left, right]) => !isLessOrEqual(left, right) },
  ge: { params: ["any", "any"], call: ([left, right]) => !isLess(left, right) },
};
