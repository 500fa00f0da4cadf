import {
  labelsFromRecord,
  labelsKey,
  labelsToRecord,
  metricNameLabel,
  type Labels,
  type NativeHistogram,
  type Queryable,
} from "../model/index.ts";
import { evaluateInstant, parseExpression, type Expression, type Language } from "../promql/index.ts";
import type { AlertSighting } from "./alert.ts";
import type { AlertingRule, RecordingRule } from "./rule.ts";
import type { FunctionContext } from "./template/function.ts";
import { TemplateProblem } from "./template/problem.ts";
import { mapOf } from "./template/value.ts";

/** One element of a rule's result. */
export interface Element {
  readonly labels: Labels;
  readonly value: number;
  /** Instead of the value, for a recording rule. */
  readonly histogram?: NativeHistogram;
}

/** Evaluates an expression at one time. @throws CollectorError with a code of promql, or a plain one when it gives no vector. */
export type EvaluateAt = (expression: Expression, atMs: number) => readonly Element[];

interface EvaluateSettings {
  readonly queryable: Queryable;
  /** What of PromQL is on; the stable language unless given. */
  readonly language?: Language | undefined;
  /** Of a subquery that names no step. */
  readonly evaluationIntervalMs: number;
  /** Measures the timeout. */
  readonly nowMs: () => number;
}

/** The evaluator of rules over a store. */
export function createEvaluateAt(settings: EvaluateSettings): EvaluateAt {
  const { queryable, language, evaluationIntervalMs: subqueryStepMs, nowMs } = settings;
  return (expression, atMs) => {
    const query = { ...language, queryable, expression, subqueryStepMs, nowMs };
    const { value } = evaluateInstant({ ...query, timestampMs: atMs });
    switch (value.kind) {
      case "vector":
        return value.samples.map(({ labels, value: number, histogram }) => ({
          labels,
          // Prometheus' alerts have the value 0 where the element is a histogram.
          value: histogram === undefined ? number : 0,
          ...(histogram === undefined ? {} : { histogram }),
        }));
      case "scalar":
        return [{ labels: [], value: value.value }];
      case "matrix":
      case "string":
        throw new RuleProblem("rule result is not a vector or scalar");
    }
  };
}

/** What makes an evaluation fail, in Prometheus' words. */
export class RuleProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RuleProblem";
  }
}

export interface ExpandSettings {
  /** Of the queries in templates; the stable language unless given. */
  readonly language?: Language | undefined;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  readonly evaluate: EvaluateAt;
  /** Told of each template that did not expand. */
  readonly onTemplateProblem: (rule: AlertingRule, problem: string) => void;
}

/**
 * The alerts that the elements of a result stand for, by their labels' key, with labels and annotations expanded.
 * @throws RuleProblem when two elements come to the same labels.
 */
export function sightAlerts(
  rule: AlertingRule,
  elements: readonly Element[],
  atMs: number,
  settings: ExpandSettings,
): Map<string, AlertSighting> {
  const context: FunctionContext = {
    nowMs: atMs,
    externalUrl: settings.externalUrl,
    query: (text) => ({
      kind: "list",
      items: queryForTemplate(settings, text, atMs).map(({ labels, value }) => ({
        kind: "sample",
        labels: mapOf(labelsToRecord(labels)),
        value,
      })),
    }),
  };
  const sightings = new Map<string, AlertSighting>();
  for (const { labels, value } of elements) {
    const record = labelsToRecord(labels);
    const { externalLabels, externalUrl } = settings;
    const data = { labels: record, externalLabels, externalUrl, value };
    const expandAll = (templates: AlertingRule["labels"]): [string, string][] =>
      Object.entries(templates).map(([name, template]) => {
        const { text, problem } = template.expand(data, context);
        if (problem !== undefined) settings.onTemplateProblem(rule, problem);
        return [name, text];
      });
    const full = { ...record, ...Object.fromEntries(expandAll(rule.labels)), alertname: rule.name };
    delete (full as Record<string, string>)[metricNameLabel];
    const flat = labelsFromRecord(full);
    const key = labelsKey(flat);
    if (sightings.has(key)) {
      throw new RuleProblem("vector contains metrics with the same labelset after applying alert labels");
    }
    const annotations = Object.fromEntries(expandAll(rule.annotations));
    sightings.set(key, { labels: flat, annotations, value });
  }
  return sightings;
}

function queryForTemplate(
  { evaluate, language }: ExpandSettings,
  text: string,
  atMs: number,
): readonly Element[] {
  try {
    return evaluate(parseExpression(text, language), atMs);
  } catch (cause) {
    throw new TemplateProblem(cause instanceof Error ? cause.message : String(cause));
  }
}

/**
 * The series that a recording rule makes of its result.
 * @throws RuleProblem when two elements come to the same labels.
 */
export function recordSeries(rule: RecordingRule, elements: readonly Element[]): readonly Element[] {
  const keys = new Set<string>();
  return elements.map(({ labels, ...element }) => {
    const full = { ...labelsToRecord(labels), [metricNameLabel]: rule.name, ...rule.labels };
    const flat = labelsFromRecord(full);
    const key = labelsKey(flat);
    if (keys.has(key)) {
      throw new RuleProblem("vector contains metrics with the same labelset after applying rule labels");
    }
    keys.add(key);
    return { ...element, labels: flat };
  });
}
