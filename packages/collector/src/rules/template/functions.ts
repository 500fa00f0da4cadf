import { isIP } from "node:net";
import type { RE2JS } from "re2js";
import { re2 } from "../../model/index.ts";
import { parseDurationMs } from "../../promql/index.ts";
import { builtins } from "./builtins.ts";
import { goQueryEscape, type TemplateFunction } from "./function.ts";
import {
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
  toFloat,
  toTime,
} from "./numbers.ts";
import { TemplateProblem } from "./problem.ts";
import type { ListValue, SampleValue, Value } from "./value.ts";

const words = new Intl.Segmenter("en-US", { granularity: "word" });

/** The first letter of every word in upper case, the others as they are. */
function toTitle(text: string): string {
  return [...words.segment(text)]
    .map(({ segment }) => segment.replace(/\p{L}/u, (letter) => letter.toLocaleUpperCase("en-US")))
    .join("");
}

function compile(pattern: string): RE2JS {
  try {
    return re2().RE2JS.compile(pattern);
  } catch (cause) {
    // Worded by the library as by Go: "error parsing regexp: missing closing ): `(`".
    throw new TemplateProblem(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Go's ReplaceAllString: `$1`, `$name`, `${name}` and `$$`; a name takes as many word characters as it can. */
function replaceAll(pattern: string, replacement: string, text: string): string {
  const matcher = compile(pattern).matcher(text);
  const groupOf = (name: string): string => {
    try {
      return (/^\d+$/.test(name) ? matcher.group(Number(name)) : matcher.group(name)) ?? "";
    } catch (cause) {
      // Go puts nothing where a group does not exist.
      if (cause instanceof Error) return "";
      throw cause;
    }
  };
  let output = "";
  let position = 0;
  while (matcher.find()) {
    output += text.slice(position, matcher.start());
    output += replacement.replaceAll(
      /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
      (_whole, dollar?: string, braced?: string, plain?: string) => dollar ?? groupOf(braced ?? plain ?? ""),
    );
    position = matcher.end();
  }
  return output + text.slice(position);
}

/** Host and port as Go's net.SplitHostPort cuts them; undefined where it refuses. */
function splitHostPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  return match === null ? undefined : { host: match[1] ?? match[2]!, port: match[3]! };
}

function stripDomain(text: string): string {
  const { host, port } = splitHostPort(text) ?? { host: text, port: "" };
  if (isIP(host) !== 0) return text;
  const first = host.split(".")[0]!;
  return port === "" ? first : `${first}:${port}`;
}

function parseSeconds(text: string): number {
  const isNegative = text.startsWith("-");
  const durationMs = parseDurationMs(isNegative ? text.slice(1) : text);
  if (typeof durationMs !== "number") throw new TemplateProblem(durationMs.message);
  return ((isNegative ? -1 : 1) * durationMs) / 1_000;
}

/** A nil pointer gets through Go's types; there it is a panic that the expander catches. */
function sampleOf(value: Value): SampleValue {
  if (typeof value === "object" && value?.kind === "sample") return value;
  throw new TemplateProblem("runtime error: invalid memory address or nil pointer dereference");
}

/** A nil list is an empty one. */
const itemsOf = (list: Value) => (list as ListValue | null)?.items ?? [];

const labelOf = (sample: SampleValue, name: string) =>
  (sample.labels.entries.get(name) as string | undefined) ?? "";
const link = (expression: Value, tab: 0 | 1) =>
  `/graph?g0.expr=${goQueryEscape(expression as string)}&g0.tab=${tab}`;

/** The path of a URL as Go keeps it: "" where the URL has none. */
function pathOf(url: string): string {
  return /^[a-zA-Z][\w+.-]*:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? "";
}

const prometheusFunctions: Readonly<Record<string, TemplateFunction>> = {
  query: { params: ["string"], call: ([expression], context) => context.query(expression as string) },
  first: {
    params: ["list"],
    call([list]) {
      const [sample] = itemsOf(list);
      if (sample === undefined) throw new TemplateProblem("first() called on vector with no elements");
      return sample;
    },
  },
  label: {
    params: ["string", "sample"],
    call: ([name, sample]) => labelOf(sampleOf(sample), name as string),
  },
  value: { params: ["sample"], call: ([sample]) => sampleOf(sample).value },
  strvalue: { params: ["sample"], call: ([sample]) => labelOf(sampleOf(sample), "__value__") },
  sortByLabel: {
    params: ["string", "list"],
    call([name, list]) {
      const items = itemsOf(list);
      const key = (sample: SampleValue) => Buffer.from(labelOf(sample, name as string));
      return { kind: "list", items: items.toSorted((left, right) => Buffer.compare(key(left), key(right))) };
    },
  },
  args: {
    params: [],
    rest: "any",
    call: (args) => ({
      kind: "map",
      isOpen: true,
      entries: new Map(args.map((arg, index) => [`arg${index}`, arg])),
    }),
  },
  reReplaceAll: {
    params: ["string", "string", "string"],
    call: ([pattern, replacement, text]) =>
      replaceAll(pattern as string, replacement as string, text as string),
  },
  match: {
    params: ["string", "string"],
    call: ([pattern, text]) =>
      compile(pattern as string)
        .matcher(text as string)
        .find(),
  },
  safeHtml: { params: ["string"], call: ([text]) => text },
  title: { params: ["string"], call: ([text]) => toTitle(text as string) },
  toUpper: { params: ["string"], call: ([text]) => (text as string).toUpperCase() },
  toLower: { params: ["string"], call: ([text]) => (text as string).toLowerCase() },
  graphLink: { params: ["string"], call: ([expression]) => link(expression, 0) },
  tableLink: { params: ["string"], call: ([expression]) => link(expression, 1) },
  stripPort: { params: ["string"], call: ([text]) => splitHostPort(text as string)?.host ?? text },
  stripDomain: { params: ["string"], call: ([text]) => stripDomain(text as string) },
  humanize: { params: ["any"], call: ([value]) => humanize(value) },
  humanize1024: { params: ["any"], call: ([value]) => humanize1024(value) },
  humanizeDuration: { params: ["any"], call: ([value]) => humanizeDuration(value) },
  humanizePercentage: { params: ["any"], call: ([value]) => humanizePercentage(value) },
  humanizeTimestamp: { params: ["any"], call: ([value]) => humanizeTimestamp(value) },
  toTime: { params: ["any"], call: ([value]) => toTime(value) },
  toDuration: {
    params: ["any"],
    call([value]) {
      const nanoseconds = toFloat(value) * 1e9;
      if (!Number.isFinite(nanoseconds)) throw new TemplateProblem("value is NaN or Inf");
      return { kind: "duration", nanoseconds: BigInt(Math.trunc(nanoseconds)) };
    },
  },
  now: { params: [], call: (_args, { nowMs }) => nowMs / 1_000 },
  pathPrefix: { params: [], call: (_args, { externalUrl }) => pathOf(externalUrl) },
  externalURL: { params: [], call: (_args, { externalUrl }) => externalUrl },
  parseDuration: { params: ["string"], call: ([text]) => parseSeconds(text as string) },
  urlQueryEscape: { params: ["string"], call: ([text]) => goQueryEscape(text as string) },
};

/** Every function that a rule's template may call: Go's own and Prometheus'. */
export const templateFunctions: ReadonlyMap<string, TemplateFunction> = new Map(
  Object.entries({ ...builtins, ...prometheusFunctions }),
);
