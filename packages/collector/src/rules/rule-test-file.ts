import { isScalar, LineCounter, parseDocument, type Node } from "yaml";
import { CollectorError, hasCode, type Labels, type NativeHistogram } from "../model/index.ts";
import { parseSeriesNotation, type NotedSeries } from "../promql/index.ts";
import { createYamlReader, type Entry, type YamlReader } from "./yaml-map.ts";
import { createProblemList, offsetOf, type ProblemList } from "./yaml-place.ts";

/** What a file of rule tests says, in the form that `promtool test rules` takes. */
export interface RuleTestFile {
  /** Paths and patterns as they are written. */
  readonly ruleFiles: readonly string[];
  readonly evaluationIntervalMs: number;
  /** Names of groups; those that are not named come with the first. */
  readonly groupOrder: readonly string[];
  /** Floats may differ in their last bit. */
  readonly isFuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

/** Series, and what rules and expressions make of them. */
export interface RuleTest {
  /** "" when it has none. */
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** Between two samples of a series. */
  readonly intervalMs: number;
  /** Of the first sample and the first evaluation, Unix ms. */
  readonly startMs: number;
  readonly inputSeries: readonly NotedSeries[];
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly alertCases: readonly AlertCase[];
  readonly expressionCases: readonly ExpressionCase[];
}

interface Case {
  readonly line: number;
  /** After the start. */
  readonly evalTimeMs: number;
}

export interface AlertCase extends Case {
  readonly alertname: string;
  /** With their `alertname`. */
  readonly expected: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export interface ExpressionCase extends Case {
  readonly expression: string;
  readonly expected: readonly ExpectedSample[];
}

export interface ExpectedSample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram: NativeHistogram | undefined;
}

const fileKeys = ["rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests"];
const testKeys = [
  "name",
  "interval",
  "input_series",
  "alert_rule_test",
  "promql_expr_test",
  "external_labels",
  "external_url",
  "start_timestamp",
];
const evaluationIntervalMsDefault = 60_000;

/**
 * Reads a file of rule tests.
 * @param file named in messages
 * @throws CollectorError QUARTET_RULES_INVALID listing every problem as "file:line:column: what, and the mend".
 * @see Prometheus documentation, "Unit testing for rules"
 */
export function parseRuleTestFile(text: string, file: string): RuleTestFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = createProblemList(file, lines);
  for (const error of document.errors) problems.add(error.pos[0], error.message);
  refuse(problems);
  const read = createTestReader({ yaml: createYamlReader(document, problems), problems, lines });
  const result = read(document.contents);
  refuse(problems);
  return result;
}

function refuse({ all }: ProblemList): void {
  if (all.length > 0) throw new CollectorError("QUARTET_RULES_INVALID", all.join("\n"));
}

interface Reading {
  readonly yaml: YamlReader;
  readonly problems: ProblemList;
  readonly lines: LineCounter;
}

function createTestReader({ yaml, problems, lines }: Reading): (root: Node | null) => RuleTestFile {
  type Entries = ReadonlyMap<string, Entry> | undefined;
  const lineOf = (node: Node) => lines.linePos(offsetOf(node)).line;
  const list = (entry: Entry | undefined, context: string) => yaml.sequence(entry?.value ?? null, context);

  function texts(entry: Entry | undefined, context: string): Record<string, string> {
    const entries = [...(yaml.map(entry?.value ?? null, context) ?? [])];
    return Object.fromEntries(entries.map(([name, each]) => [name, yaml.text(each, `${context}, ${name}`)]));
  }

  /** A wrong flag reads as false. */
  function flag(entry: Entry | undefined, context: string): boolean {
    const written = yaml.text(entry, context);
    if (!["", "true", "false"].includes(written))
      problems.add(offsetOf(entry?.value), `${context} should be true or false`);
    return written === "true";
  }

  /** Runs a parser of PromQL's; what it refuses becomes a problem at the node. */
  function parsed<T>(node: Node | null | undefined, context: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (cause) {
      if (!hasCode(cause, "QUARTET_PROMQL_INVALID")) throw cause;
      problems.add(offsetOf(node), `${context}: ${cause.message}`);
      return undefined;
    }
  }

  function startMs(entry: Entry | undefined): number {
    const written = yaml.text(entry, "start_timestamp");
    if (written === "") return 0;
    const timeMs = /^-?\d+(\.\d+)?$/.test(written) ? Number(written) * 1_000 : Date.parse(written);
    if (Number.isFinite(timeMs)) return Math.round(timeMs);
    const mend = "write seconds since 1970, or a time such as 2026-11-27T08:00:00Z";
    problems.add(offsetOf(entry?.value), `start_timestamp: ${JSON.stringify(written)} is no time; ${mend}`);
    return 0;
  }

  function inputSeries(node: Node): NotedSeries[] {
    const context = "input_series";
    const entries = yaml.map(node, context, ["series", "values"]);
    const series = yaml.text(entries?.get("series"), `${context}, series`);
    const values = yaml.text(entries?.get("values"), `${context}, values`);
    const found = parsed(entries?.get("series")?.value ?? node, context, () =>
      parseSeriesNotation(`${series} ${values}`),
    );
    return found === undefined ? [] : [found];
  }

  function evalTimeMs(entries: Entries, context: string): number {
    return yaml.durationMs(entries?.get("eval_time"), `${context}, eval_time`) ?? 0;
  }

  function alertCase(node: Node): AlertCase {
    const context = "alert_rule_test";
    const entries = yaml.map(node, context, ["eval_time", "alertname", "exp_alerts"]);
    const alertname = yaml.text(entries?.get("alertname"), `${context}, alertname`);
    if (alertname === "")
      problems.add(offsetOf(node), `${context} needs the name of an alert; add the key alertname`);
    const expected = list(entries?.get("exp_alerts"), `${context}, exp_alerts`).map((alert) => {
      const keys = yaml.map(alert, `${context}, exp_alerts`, ["exp_labels", "exp_annotations"]);
      return {
        labels: { ...texts(keys?.get("exp_labels"), "exp_labels"), alertname },
        annotations: texts(keys?.get("exp_annotations"), "exp_annotations"),
      };
    });
    return { line: lineOf(node), evalTimeMs: evalTimeMs(entries, context), alertname, expected };
  }

  function value(entry: Entry | undefined): number {
    const node = entry?.value;
    if (node === undefined || node === null) return 0;
    if (isScalar(node) && typeof node.value === "number") return node.value;
    problems.add(offsetOf(node), "exp_samples, value should be a number, .inf, -.inf or .nan");
    return 0;
  }

  function expectedSample(node: Node): ExpectedSample[] {
    const context = "exp_samples";
    const entries = yaml.map(node, context, ["labels", "value", "histogram"]);
    const place = entries?.get("labels")?.value ?? node;
    const written = yaml.text(entries?.get("labels"), `${context}, labels`);
    const metric = parsed(place, `${context}, labels`, () => parseSeriesNotation(written || "{}"));
    if (metric === undefined) return [];
    if (metric.samples.length > 0) {
      problems.add(offsetOf(place), `${context}, labels: a metric is expected, without values`);
      return [];
    }
    const text = yaml.text(entries?.get("histogram"), `${context}, histogram`);
    const histogram = text === "" ? undefined : histogramOf(entries?.get("histogram")?.value ?? node, text);
    return [{ labels: metric.labels, value: value(entries?.get("value")), histogram }];
  }

  function histogramOf(node: Node, text: string): NativeHistogram | undefined {
    const context = "exp_samples, histogram";
    const samples = parsed(node, context, () => parseSeriesNotation(`{} ${text}`))?.samples;
    const only = samples?.length === 1 ? samples[0] : undefined;
    if (only?.kind === "histogram") return only.histogram;
    if (samples !== undefined)
      problems.add(offsetOf(node), `${context}: one histogram is expected, such as {{count:1 sum:2}}`);
    return undefined;
  }

  function expressionCase(node: Node): ExpressionCase {
    const context = "promql_expr_test";
    const entries = yaml.map(node, context, ["expr", "eval_time", "exp_samples"]);
    return {
      line: lineOf(node),
      evalTimeMs: evalTimeMs(entries, context),
      expression: yaml.text(entries?.get("expr"), `${context}, expr`),
      expected: list(entries?.get("exp_samples"), `${context}, exp_samples`).flatMap(expectedSample),
    };
  }

  function test(node: Node, evaluationIntervalMs: number): RuleTest {
    const entries = yaml.map(node, "tests", testKeys);
    return {
      name: yaml.text(entries?.get("name"), "name"),
      line: lineOf(node),
      intervalMs: yaml.durationMs(entries?.get("interval"), "interval") || evaluationIntervalMs,
      startMs: startMs(entries?.get("start_timestamp")),
      inputSeries: list(entries?.get("input_series"), "input_series").flatMap(inputSeries),
      externalLabels: texts(entries?.get("external_labels"), "external_labels"),
      externalUrl: yaml.text(entries?.get("external_url"), "external_url"),
      alertCases: list(entries?.get("alert_rule_test"), "alert_rule_test").map(alertCase),
      expressionCases: list(entries?.get("promql_expr_test"), "promql_expr_test").map(expressionCase),
    };
  }

  function textList(entry: Entry | undefined, context: string): string[] {
    return list(entry, context).map((node) => yaml.text({ key: node, value: node }, context));
  }

  return (root) => {
    const entries = yaml.map(root, "the file", fileKeys);
    const groupOrder = textList(entries?.get("group_eval_order"), "group_eval_order");
    const twice = groupOrder.find((name, at) => groupOrder.indexOf(name) !== at);
    if (twice !== undefined) {
      const place = entries?.get("group_eval_order")?.value;
      problems.add(offsetOf(place), `group_eval_order: ${JSON.stringify(twice)} is there twice`);
    }
    const evaluationIntervalMs =
      yaml.durationMs(entries?.get("evaluation_interval"), "evaluation_interval") ||
      evaluationIntervalMsDefault;
    return {
      ruleFiles: textList(entries?.get("rule_files"), "rule_files"),
      evaluationIntervalMs,
      groupOrder,
      isFuzzy: flag(entries?.get("fuzzy_compare"), "fuzzy_compare"),
      tests: list(entries?.get("tests"), "tests").map((node) => test(node, evaluationIntervalMs)),
    };
  };
}
