import { globSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import {
  CollectorError,
  histogramsEqual,
  labelsKey,
  type Labels,
  type LanguageFeature,
  type NativeHistogram,
  type SeriesWrite,
} from "./model/index.ts";
import {
  evaluateInstant,
  formatDurationMs,
  formatHistogram,
  formatSampleValue,
  formatLabels,
  languageOf,
  parseExpression,
  type Language,
  type NotedSample,
} from "./promql/index.ts";
import {
  createRuleTrial,
  parseRuleFile,
  parseRuleTestFile,
  type AlertCase,
  type ExpressionCase,
  type RuleGroup,
  type RuleTest,
  type RuleTestFile,
  type RuleTrial,
} from "./rules/index.ts";
import { createHead, type HeadWriter, type RefusalReason } from "./store/index.ts";
import { createTelemetry } from "./telemetry/index.ts";

/** What a check of a test found otherwise than it should be. */
export interface RuleTestFailure {
  /** Of the check in its file, from 1. */
  readonly line: number;
  readonly message: string;
  /** Alerts or samples, one a line; both undefined when there was nothing to compare. */
  readonly expected: readonly string[] | undefined;
  readonly got: readonly string[] | undefined;
}

export interface RuleTestOutcome {
  /** "" when it has none. */
  readonly name: string;
  readonly line: number;
  readonly checkCount: number;
  readonly failures: readonly RuleTestFailure[];
}

export interface RuleTestReport {
  readonly file: string;
  /** Why the file could not be run, as "file:line:column: what, and the mend"; [] when it was. */
  readonly problems: readonly string[];
  /** Patterns of rule files that nothing matches. */
  readonly warnings: readonly string[];
  readonly tests: readonly RuleTestOutcome[];
}

export interface RuleTestSettings {
  readonly features: readonly LanguageFeature[];
  /** Tests whose names do not match are left out. */
  readonly isWanted: (name: string) => boolean;
}

/** Bounds of one test's series. */
const seriesMax = 1_000_000;
const arenaBytesMax = 512 * 2 ** 20;

/**
 * Runs a file of rule tests with the engines that the collector has, as `promtool test rules` runs it.
 * Does not throw for what is in the files.
 */
export function testRuleFile(file: string, settings: RuleTestSettings): RuleTestReport {
  const language = languageOf(settings.features);
  const warnings: string[] = [];
  try {
    const tests = parseRuleTestFile(readText(file), file);
    const groups = readGroups(file, tests, language, warnings);
    const outcomes = tests.tests
      .filter(({ name }) => settings.isWanted(name))
      .map((test) => ({
        name: test.name,
        line: test.line,
        checkCount: test.alertCases.length + test.expressionCases.length,
        failures: runTest(test, { file: tests, groups, language }),
      }));
    return { file, problems: [], warnings, tests: outcomes };
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    return { file, problems: error.message.split("\n"), warnings, tests: [] };
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CollectorError(
      "QUARTET_RULES_INVALID",
      `${file}: cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** The groups of the rule files in the order of evaluation. */
function readGroups(
  file: string,
  { ruleFiles, groupOrder }: RuleTestFile,
  language: Language,
  warnings: string[],
): RuleGroup[] {
  const paths = ruleFiles.flatMap((written) => {
    const pattern = isAbsolute(written) ? written : join(dirname(file), written);
    const found = globSync(pattern).sort();
    if (found.length === 0) warnings.push(`${file}: no rule file matches ${written}`);
    return found;
  });
  const groups = [...new Set(paths)].flatMap((path) => parseRuleFile(readText(path), path, language));
  const rank = ({ name }: RuleGroup) => Math.max(0, groupOrder.indexOf(name));
  return groups.toSorted((left, right) => rank(left) - rank(right));
}

/** Takes what a rule made as Prometheus' store does, which knows no late samples here; gives what a rule can do something about. */
function appendMade(head: HeadWriter, writes: readonly SeriesWrite[]): string | undefined {
  let problem: string | undefined;
  for (const write of writes) {
    const sample = write.samples[0];
    const { timestampMs } = sample ?? write.histograms![0]!;
    const isLate = timestampMs < (head.lastSampleMs(write.labels) ?? Number.NEGATIVE_INFINITY);
    const [reason] = isLate ? ["out_of_order" as const] : head.ingest([write]).refused.keys();
    // That a series ends for one rule is no news when another rule has it.
    if (reason !== undefined && sample?.isStale !== true) problem ??= refusals[reason] ?? reason;
  }
  return problem;
}

const refusals: Readonly<Partial<Record<RefusalReason, string>>> = {
  duplicate: "another rule or series has another value at the same time",
  out_of_order: "the series has later samples already",
};

interface Run {
  readonly file: RuleTestFile;
  readonly groups: readonly RuleGroup[];
  readonly language: Language;
}

function runTest(test: RuleTest, { file, groups, language }: Run): RuleTestFailure[] {
  const { evaluationIntervalMs, isFuzzy } = file;
  const { startMs, alertCases, expressionCases } = test;
  // All of time is kept, and only what comes in order is taken, as Prometheus' test storage has it.
  const head = createHead({
    retentionMs: Number.POSITIVE_INFINITY,
    outOfOrderWindowMs: 0,
    seriesMax,
    arenaBytesMax,
    clock: { nowMs: () => 0, setTimer: () => () => {} },
    telemetry: createTelemetry(),
  });
  const nowMs = () => performance.now();
  const trial = createRuleTrial({
    groups,
    evaluationIntervalMs,
    queryable: head,
    append: (writes) => appendMade(head, writes),
    externalLabels: test.externalLabels,
    externalUrl: test.externalUrl,
    language,
    nowMs,
  });
  const load = createLoader(test, (write) => void head.ingest([write]));
  const failures: RuleTestFailure[] = [];
  const lastMs = Math.max(0, ...[...alertCases, ...expressionCases].map(({ evalTimeMs }) => evalTimeMs));
  for (let atMs = 0; atMs <= lastMs; atMs += evaluationIntervalMs) {
    load(startMs + atMs);
    const failed = trial.evaluate(startMs + atMs);
    if (failed.length > 0) {
      const message = ({ rule, message: why }: (typeof failed)[number]) =>
        `rule ${rule} failed at ${formatDurationMs(atMs)}: ${why}`;
      const nothing = { line: test.line, expected: undefined, got: undefined };
      return [...failures, ...failed.map((each) => ({ ...nothing, message: message(each) }))];
    }
    const due = alertCases.filter(
      ({ evalTimeMs }) => evalTimeMs >= atMs && evalTimeMs < atMs + evaluationIntervalMs,
    );
    failures.push(...due.flatMap((each) => checkAlerts(each, trial)));
  }
  const evaluate = (expression: string, evalTimeMs: number) =>
    evaluateInstant({
      ...language,
      queryable: head,
      expression: parseExpression(expression, language),
      timestampMs: startMs + evalTimeMs,
      subqueryStepMs: evaluationIntervalMs,
      nowMs,
    }).value;
  failures.push(...expressionCases.flatMap((each) => checkExpression(each, evaluate, isFuzzy)));
  return failures.toSorted((left, right) => left.line - right.line);
}

/** Appends the samples of a test up to a time, each once. Of a series that is there twice the last counts. */
function createLoader(
  { inputSeries, intervalMs, startMs }: RuleTest,
  append: (write: SeriesWrite) => void,
): (untilMs: number) => void {
  const byKey = new Map(inputSeries.map((series) => [labelsKey(series.labels), series]));
  let loaded = 0;
  return (untilMs) => {
    const end = Math.floor((untilMs - startMs) / intervalMs) + 1;
    for (const { labels, samples } of byKey.values()) {
      // One by one: of floats and histograms in one write the floats would come first.
      for (let place = loaded; place < Math.min(end, samples.length); place += 1)
        append(toWrite(labels, samples[place]!, startMs + place * intervalMs));
    }
    loaded = end;
  };
}

function toWrite(labels: Labels, sample: NotedSample, timestampMs: number): SeriesWrite {
  const plain = { labels, type: "unknown", help: "", unit: "", startTimestampMs: 0, exemplars: [] } as const;
  switch (sample.kind) {
    case "omitted":
      return { ...plain, samples: [] };
    case "float":
      return { ...plain, samples: [{ timestampMs, value: sample.value }] };
    case "stale":
      return { ...plain, samples: [{ timestampMs, value: 0, isStale: true }] };
    case "histogram":
      return {
        ...plain,
        samples: [],
        histograms: [{ timestampMs, counts: "float", histogram: sample.histogram }],
      };
  }
}

function checkAlerts(
  { line, evalTimeMs, alertname, expected }: AlertCase,
  trial: RuleTrial,
): RuleTestFailure[] {
  const texts = (alerts: AlertCase["expected"]) =>
    alerts.map(({ labels, annotations }) => `${recordText(labels)} ${recordText(annotations)}`.trim()).sort();
  const [wanted, got] = [texts(expected), texts(trial.firing(alertname))];
  if (areEqual(wanted, got)) return [];
  const message = `alert ${alertname} at ${formatDurationMs(evalTimeMs)}`;
  return [{ line, message, expected: wanted, got }];
}

const areEqual = (left: readonly string[], right: readonly string[]) =>
  left.length === right.length && left.every((text, at) => text === right[at]);

const recordText = (record: Readonly<Record<string, string>>) =>
  `{${Object.entries(record)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ")}}`;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram: NativeHistogram | undefined;
}

function checkExpression(
  { line, evalTimeMs, expression, expected }: ExpressionCase,
  evaluate: (expression: string, evalTimeMs: number) => ReturnType<typeof evaluateInstant>["value"],
  isFuzzy: boolean,
): RuleTestFailure[] {
  const message = `${expression} at ${formatDurationMs(evalTimeMs)}`;
  const failed = (why: string) => [
    { line, message: `${message}: ${why}`, expected: undefined, got: undefined },
  ];
  try {
    const value = evaluate(expression, evalTimeMs);
    if (value.kind !== "vector" && value.kind !== "scalar")
      return failed("the result is no vector or scalar");
    const got: readonly Sample[] =
      value.kind === "vector" ? value.samples : [{ labels: [], value: value.value, histogram: undefined }];
    const sorted = (samples: readonly Sample[]) =>
      samples.toSorted((left, right) => (labelsKey(left.labels) < labelsKey(right.labels) ? -1 : 1));
    const [wanted, found] = [sorted(expected), sorted(got)];
    const isSame =
      wanted.length === found.length &&
      wanted.every((sample, at) => isSameSample(sample, found[at]!, isFuzzy));
    if (isSame) return [];
    const [expectedTexts, gotTexts] = [wanted.map(sampleText), found.map(sampleText)];
    const hint = areEqual(expectedTexts, gotTexts)
      ? "; no NaN is like another, so ask whether it differs from itself"
      : "";
    return [{ line, message: `${message}${hint}`, expected: expectedTexts, got: gotTexts }];
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    return failed(error.message);
  }
}

function isSameSample(wanted: Sample, got: Sample, isFuzzy: boolean): boolean {
  if (labelsKey(wanted.labels) !== labelsKey(got.labels)) return false;
  if (wanted.histogram === undefined || got.histogram === undefined)
    return wanted.histogram === got.histogram && isSameFloat(wanted.value, got.value, isFuzzy);
  return histogramsEqual(wanted.histogram, got.histogram);
}

/** A NaN is like no other, as in Prometheus' own tests. */
function isSameFloat(left: number, right: number, isFuzzy: boolean): boolean {
  if (left === right || !isFuzzy) return left === right;
  const bits = new BigInt64Array(Float64Array.of(left, right).buffer);
  const distance = bits[0]! - bits[1]!;
  return Math.sign(left) === Math.sign(right) && (distance === 1n || distance === -1n);
}

const sampleText = ({ labels, value, histogram }: Sample) =>
  `${formatLabels(labels)} ${histogram === undefined ? formatSampleValue(value) : formatHistogram(histogram)}`;
