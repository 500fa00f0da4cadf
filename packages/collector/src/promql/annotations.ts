import { lineColumn, type Span } from "./position.ts";

/** What a result has to say beside its values, each text with its place in the query, "… (1:5)". */
export interface Annotations {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** One of the texts without its place; the same one counts once, at its first place. */
type Level = "warning" | "info";

/** Details of a forced monotonicity, which are summed up over all series and steps. */
interface MonotonicityFix {
  readonly timeMs: number;
  readonly bucketMin: number;
  readonly bucketMax: number;
  readonly differenceMax: number;
}

interface Entry {
  readonly level: Level;
  readonly span: Span;
  fix: (MonotonicityFix & { readonly lastMs: number; readonly count: number }) | undefined;
}

export interface AnnotationSink {
  warn(message: string, span: Span): void;
  info(message: string, span: Span): void;
  fixed(message: string, span: Span, fix: MonotonicityFix): void;
  result(text: string): Annotations;
}

// A query with more kinds of annotations than this keeps the first ones.
const entriesMax = 1000;

const utcSeconds = (timeMs: number): string =>
  new Date(Math.trunc(timeMs / 1000) * 1000).toISOString().replace(".000Z", "Z");

/** Two significant digits or up to six, as Go's %.2g and %g print them. */
export function formatShort(value: number, digits?: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const exact = digits === undefined ? value : Number(value.toPrecision(digits));
  const exponent = exact === 0 ? 0 : Math.floor(Math.log10(Math.abs(exact)));
  if (exponent < -4 || exponent >= (digits ?? 21)) {
    const [mantissa, power] = exact.toExponential().split("e");
    const size = Math.abs(Number(power)).toString().padStart(2, "0");
    return `${mantissa}e${Number(power) < 0 ? "-" : "+"}${size}`;
  }
  return String(exact);
}

export function createAnnotationSink(): AnnotationSink {
  const entries = new Map<string, Entry>();

  function add(level: Level, message: string, span: Span): Entry | undefined {
    const key = `PromQL ${level}: ${message}`;
    const known = entries.get(key);
    if (known !== undefined) return known;
    if (entries.size >= entriesMax) return undefined;
    const entry: Entry = { level, span, fix: undefined };
    entries.set(key, entry);
    return entry;
  }

  return {
    warn: (message, span) => void add("warning", message, span),
    info: (message, span) => void add("info", message, span),
    fixed(message, span, fix) {
      const entry = add("info", message, span);
      if (entry === undefined) return;
      const old = entry.fix ?? { ...fix, lastMs: fix.timeMs, count: 0 };
      entry.fix = {
        timeMs: Math.min(old.timeMs, fix.timeMs),
        lastMs: Math.max(old.lastMs, fix.timeMs),
        bucketMin: Math.min(old.bucketMin, fix.bucketMin),
        bucketMax: Math.max(old.bucketMax, fix.bucketMax),
        differenceMax: Math.max(old.differenceMax, fix.differenceMax),
        count: old.count + 1,
      };
    },
    result(text) {
      const warnings: string[] = [];
      const infos: string[] = [];
      for (const [key, { level, span, fix }] of entries) {
        const details =
          fix === undefined
            ? ""
            : `, from buckets ${formatShort(fix.bucketMin)} to ${formatShort(fix.bucketMax)}` +
              `, with a max diff of ${formatShort(fix.differenceMax, 2)}` +
              `, over ${fix.count} samples from ${utcSeconds(fix.timeMs)} to ${utcSeconds(fix.lastMs)}`;
        const shown = `${key}${details} (${lineColumn(text, span.start)})`;
        (level === "warning" ? warnings : infos).push(shown);
      }
      return { warnings, infos };
    },
  };
}
