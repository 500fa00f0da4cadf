import type { Labels } from "../../packages/collector/src/model/index.ts";
import {
  type NotedSample,
  parseDurationMs,
  parseSeriesNotation,
} from "../../packages/collector/src/promql/index.ts";

/** What an annotation or an error must be: this text, or something that matches. */
export interface Expected {
  readonly text: string | undefined;
  readonly pattern: RegExp | undefined;
}

export type NoteKind = "fail" | "warn" | "no_warn" | "info" | "no_info" | "ordered";

export interface LoadCommand {
  readonly kind: "load";
  readonly stepMs: number;
  readonly withCustomBuckets: boolean;
  readonly series: readonly LoadedSeries[];
}

export interface LoadedSeries {
  readonly labels: Labels;
  readonly samples: readonly NotedSample[];
  /** Start of each sample, in milliseconds after its own time; undefined where none is given. */
  readonly starts: readonly (number | undefined)[] | undefined;
}

export interface EvalCommand {
  readonly kind: "eval";
  readonly line: number;
  readonly expression: string;
  readonly isRange: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly expectations: ReadonlyMap<NoteKind, readonly Expected[]>;
  readonly expectedString: string | undefined;
  readonly expectedScalar: number | undefined;
  /** In the order written. */
  readonly expectedSeries: readonly { readonly labels: Labels; readonly samples: readonly NotedSample[] }[];
  /** The times of an expected range vector. */
  readonly expectedRange:
    | { readonly startMs: number; readonly endMs: number; readonly stepMs: number }
    | undefined;
}

export type Command = { readonly kind: "clear" } | LoadCommand | EvalCommand;

/** A script that cannot be read; `line` is counted from 1. */
class ScriptError extends Error {
  readonly line: number;

  constructor(line: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ScriptError";
    this.line = line;
  }
}

const loadPattern = /^load(?:_(with_nhcb))?\s+(.+?)$/;
const instantPattern = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$/;
const rangePattern = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$/;
const expectPattern = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
const expectRangePattern = /^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$/;

const anything: Expected = { text: undefined, pattern: /^/ };

interface Reader {
  readonly lines: readonly string[];
  index: number;
}

function durationMs(text: string, line: number): number {
  const value = parseDurationMs(text);
  if (typeof value === "number") return value;
  throw new ScriptError(line, value.message);
}

function seriesAt(text: string, line: number): ReturnType<typeof parseSeriesNotation> {
  try {
    return parseSeriesNotation(text);
  } catch (error) {
    throw new ScriptError(line, error instanceof Error ? error.message : String(error), error);
  }
}

const startItem = /^([+-]?\d+[a-z]+?)(?:([+-]\d+[a-z]+?))?(?:x(\d+))?$/;

function signedMs(text: string, line: number): number {
  const size = durationMs(text.replace(/^[+-]/, ""), line);
  return text.startsWith("-") ? -size : size;
}

/** The start times of a `metric@st` line. */
function parseStarts(text: string, line: number): (number | undefined)[] {
  return text.split(/\s+/).flatMap((item) => {
    const blank = /^_(?:x(\d+))?$/.exec(item);
    if (blank !== null) return new Array<undefined>(Number(blank[1] ?? 1)).fill(undefined);
    const parts = startItem.exec(item);
    if (parts === null) throw new ScriptError(line, `invalid start time ${JSON.stringify(item)}`);
    const base = signedMs(parts[1]!, line);
    const step = parts[2] === undefined ? 0 : signedMs(parts[2], line);
    return Array.from({ length: Number(parts[3] ?? 0) + 1 }, (_value, index) => base + index * step);
  });
}

function parseLoad(reader: Reader): LoadCommand {
  const line = reader.index + 1;
  const parts = loadPattern.exec(reader.lines[reader.index]!);
  if (parts === null) throw new ScriptError(line, "invalid load command. (load[_with_nhcb] <step:duration>)");
  const series: LoadedSeries[] = [];
  let starts: (number | undefined)[] | undefined;
  while ((reader.lines[reader.index + 1] ?? "") !== "") {
    reader.index += 1;
    const text = reader.lines[reader.index]!;
    const start = /^(\S+)@st\s+(.*)$/.exec(text);
    if (start !== null) starts = parseStarts(start[2]!.trim(), reader.index + 1);
    else {
      series.push({ ...seriesAt(text, reader.index + 1), starts });
      starts = undefined;
    }
  }
  return {
    kind: "load",
    stepMs: durationMs(parts[2]!, line),
    withCustomBuckets: parts[1] !== undefined,
    series,
  };
}

function parseExpect(text: string, line: number): { readonly kind: NoteKind; readonly expected: Expected } {
  const parts = expectPattern.exec(text);
  if (parts === null) {
    throw new ScriptError(
      line,
      "invalid expect statement, must match `expect <type> <match_type>: <string>` format",
    );
  }
  const [, kind, how, what = ""] = parts;
  let expected = anything;
  if (how === "msg") expected = { text: what.trim(), pattern: undefined };
  if (how === "regex") expected = { text: undefined, pattern: new RegExp(what.trim()) };
  return { kind: kind as NoteKind, expected };
}

function parseQuoted(text: string, line: number): string {
  const raw = /^`([^`]*)`$/.exec(text);
  if (raw !== null) return raw[1]!;
  try {
    return JSON.parse(text) as string;
  } catch (error) {
    throw new ScriptError(
      line,
      "expected string literal not valid - check that the string is correctly quoted",
      error,
    );
  }
}

const plainNumber = /^[+-]?(?:0x[0-9a-f]+|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)$/i;

function toNumber(text: string): number {
  const lower = text.toLowerCase();
  if (lower.endsWith("inf")) return lower.startsWith("-") ? -Infinity : Infinity;
  return lower.endsWith("nan") ? Number.NaN : Number(text);
}

function parseEval(reader: Reader): EvalCommand {
  const line = reader.index + 1;
  const text = reader.lines[reader.index]!;
  const instant = instantPattern.exec(text);
  const range = rangePattern.exec(text);
  const expectations = new Map<NoteKind, Expected[]>();
  const expect = (kind: NoteKind, expected: Expected): void => {
    expectations.set(kind, [...(expectations.get(kind) ?? []), expected]);
  };
  let expression: string;
  let startMs: number;
  let endMs: number;
  let stepMs = 0;
  if (instant !== null) {
    startMs = durationMs(instant[2] ?? "", line);
    endMs = startMs;
    expression = instant[3]!;
  } else if (range !== null) {
    startMs = durationMs(range[2]!, line);
    endMs = durationMs(range[3]!, line);
    stepMs = durationMs(range[4]!, line);
    expression = range[5]!;
  } else throw new ScriptError(line, `invalid evaluation command ${JSON.stringify(text)}`);
  const modifier = (instant ?? range)![1];
  if (modifier !== undefined) expect(modifier as NoteKind, anything);
  let expectedString: string | undefined;
  let expectedScalar: number | undefined;
  let expectedRange: EvalCommand["expectedRange"];
  const expectedSeries: { labels: Labels; samples: readonly NotedSample[] }[] = [];
  while ((reader.lines[reader.index + 1] ?? "") !== "") {
    reader.index += 1;
    const here = reader.index + 1;
    const next = reader.lines[reader.index]!;
    const message = /^expected_fail_(message|regexp)\s+(.*)$/.exec(next);
    const times = expectRangePattern.exec(next);
    if (message !== null) {
      const what = message[2]!.trim();
      const isText = message[1] === "message";
      expectations.set("fail", [
        { text: isText ? what : undefined, pattern: isText ? undefined : new RegExp(what) },
      ]);
    } else if (times !== null) {
      const [from, to, step] = times.slice(1).map((part) => durationMs(part, here)) as [
        number,
        number,
        number,
      ];
      expectedRange = { startMs: from, endMs: to, stepMs: step };
    } else if (next.startsWith("expect string")) {
      expectedString = parseQuoted(next.slice("expect string".length).trim(), here);
    } else if (next.split(" ")[0] === "expect") {
      const { kind, expected } = parseExpect(next, here);
      expect(kind, expected);
    } else if (plainNumber.test(next)) expectedScalar = toNumber(next);
    else expectedSeries.push(seriesAt(next, here));
  }
  return {
    kind: "eval",
    line,
    expression,
    isRange: range !== null,
    startMs,
    endMs,
    stepMs,
    expectations,
    expectedString,
    expectedScalar,
    expectedSeries,
    expectedRange,
  };
}

/**
 * The commands of a script in Prometheus' promqltest language.
 * @throws ScriptError naming the line.
 */
export function parseScript(text: string): readonly Command[] {
  const lines = text.split("\n").map((line) => {
    const trimmed = line.trim();
    return trimmed.startsWith("#") ? "" : trimmed;
  });
  const reader: Reader = { lines, index: 0 };
  const commands: Command[] = [];
  for (; reader.index < lines.length; reader.index += 1) {
    const line = lines[reader.index]!;
    if (line === "") continue;
    const word = line.split(/[\t ]+/)[0]!.toLowerCase();
    if (word === "clear") commands.push({ kind: "clear" });
    else if (word.startsWith("load")) commands.push(parseLoad(reader));
    else if (word.startsWith("eval")) commands.push(parseEval(reader));
    else throw new ScriptError(reader.index + 1, `invalid command ${JSON.stringify(line)}`);
  }
  return commands;
}
