import { TemplateProblem } from "./problem.ts";
import {
  printDuration,
  printTime,
  typeName,
  type DurationValue,
  type TimeValue,
  type Value,
} from "./value.ts";

const fail = (message: string): never => {
  throw new TemplateProblem(message);
};

/** `.name` of a value: an entry of a map, a field, or a method of a time or duration. */
export function evaluateField(receiver: Value, name: string, args: readonly Value[]): Value {
  if (receiver === undefined || receiver === null) {
    return receiver === null ? fail(`nil pointer evaluating interface {}.${name}`) : undefined;
  }
  if (typeof receiver !== "object") return fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
  if (receiver.kind === "time") return callTimeMethod(receiver, name, args);
  if (receiver.kind === "duration") return callDurationMethod(receiver, name, args);
  if (args.length > 0) {
    return fail(
      receiver.kind === "map"
        ? `${name} is not a method but has arguments`
        : `${name} has arguments but cannot be invoked as function`,
    );
  }
  switch (receiver.kind) {
    case "map":
      // missingkey=zero: a map of strings gives "", a map of anything gives nothing.
      return receiver.entries.get(name) ?? (receiver.isOpen ? undefined : "");
    case "sample":
      if (name === "Labels") return receiver.labels;
      if (name === "Value") return receiver.value;
      return fail(`can't evaluate field ${name} in type *template.sample`);
    case "struct":
      return receiver.fields.has(name)
        ? receiver.fields.get(name)
        : fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
    case "list":
      return fail(`can't evaluate field ${name} in type template.queryResult`);
  }
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const two = (number: number) => number.toString().padStart(2, "0");

/** Go's reference layout: the pieces that it knows, longest first, and what they show of a UTC time. */
const layoutPieces: readonly (readonly [string, (date: Date) => string])[] = [
  ["January", (date) => months[date.getUTCMonth()]!],
  ["Monday", (date) => weekdays[date.getUTCDay()]!],
  ["2006", (date) => date.getUTCFullYear().toString().padStart(4, "0")],
  ["-07:00", () => "+00:00"],
  ["Z07:00", () => "Z"],
  ["-0700", () => "+0000"],
  ["Z0700", () => "Z"],
  [".000", (date) => `.${date.getUTCMilliseconds().toString().padStart(3, "0")}`],
  ["Jan", (date) => months[date.getUTCMonth()]!.slice(0, 3)],
  ["Mon", (date) => weekdays[date.getUTCDay()]!.slice(0, 3)],
  ["MST", () => "UTC"],
  ["01", (date) => two(date.getUTCMonth() + 1)],
  ["02", (date) => two(date.getUTCDate())],
  ["_2", (date) => date.getUTCDate().toString().padStart(2, " ")],
  ["03", (date) => two(date.getUTCHours() % 12 || 12)],
  ["04", (date) => two(date.getUTCMinutes())],
  ["05", (date) => two(date.getUTCSeconds())],
  ["06", (date) => two(date.getUTCFullYear() % 100)],
  ["15", (date) => two(date.getUTCHours())],
  ["PM", (date) => (date.getUTCHours() < 12 ? "AM" : "PM")],
  ["pm", (date) => (date.getUTCHours() < 12 ? "am" : "pm")],
  ["1", (date) => String(date.getUTCMonth() + 1)],
  ["2", (date) => String(date.getUTCDate())],
  ["3", (date) => String(date.getUTCHours() % 12 || 12)],
  ["4", (date) => String(date.getUTCMinutes())],
  ["5", (date) => String(date.getUTCSeconds())],
];

function formatTime(date: Date, layout: string): string {
  let output = "";
  let position = 0;
  while (position < layout.length) {
    const piece = layoutPieces.find(([text]) => layout.startsWith(text, position));
    output += piece === undefined ? layout[position]! : piece[1](date);
    position += piece === undefined ? 1 : piece[0].length;
  }
  return output;
}

function callTimeMethod(time: TimeValue, name: string, args: readonly Value[]): Value {
  const date = new Date(time.unixMs);
  if (name === "Format") {
    const [layout] = args;
    if (args.length !== 1) return fail(`wrong number of args for Format: want 1 got ${args.length}`);
    if (typeof layout !== "string")
      return fail(`wrong type for value; expected string; got ${typeName(layout)}`);
    return formatTime(date, layout);
  }
  if (args.length > 0) return fail(`wrong number of args for ${name}: want 0 got ${args.length}`);
  switch (name) {
    case "String":
      return printTime(time);
    case "UTC":
    case "Local":
      return time;
    case "Unix":
      return BigInt(Math.floor(time.unixMs / 1_000));
    case "UnixMilli":
      return BigInt(time.unixMs);
    case "Year":
      return BigInt(date.getUTCFullYear());
    case "Month":
      return months[date.getUTCMonth()]!;
    case "Weekday":
      return weekdays[date.getUTCDay()]!;
    case "Day":
      return BigInt(date.getUTCDate());
    case "Hour":
      return BigInt(date.getUTCHours());
    case "Minute":
      return BigInt(date.getUTCMinutes());
    case "Second":
      return BigInt(date.getUTCSeconds());
    default:
      return fail(`can't evaluate field ${name} in type *time.Time`);
  }
}

function callDurationMethod(duration: DurationValue, name: string, args: readonly Value[]): Value {
  if (args.length > 0) return fail(`wrong number of args for ${name}: want 0 got ${args.length}`);
  const seconds = Number(duration.nanoseconds) / 1e9;
  switch (name) {
    case "String":
      return printDuration(duration);
    case "Hours":
      return seconds / 3_600;
    case "Minutes":
      return seconds / 60;
    case "Seconds":
      return seconds;
    case "Milliseconds":
      return duration.nanoseconds / 1_000_000n;
    case "Microseconds":
      return duration.nanoseconds / 1_000n;
    case "Nanoseconds":
      return duration.nanoseconds;
    default:
      return fail(`can't evaluate field ${name} in type *time.Duration`);
  }
}
